import type {ByteString} from './byte-string.ts';
import type {DirectoryNumber, Entry, FileTime, Kind, ObservedEntry} from './entry.ts';

/**
 * Packed entries: the bytes of one entry, on the wire and in the store alike, so that a listing goes from the scanner's
 * buffer to a leaf block without one object made for each name. A *run* is packed entries one after another,
 * sorted by name in byte order, no name twice.
 *
 *     0   u8   name length, 1 to 255 (0 only for the root, in the store)
 *     1   u8   kind in the low 3 bits, flags in the others
 *     2   u64  size in bytes
 *     10  time mtime: u32 nanoseconds, i40 seconds
 *     19  time ctime
 *     28  u16  agent
 *     30  f64  realtimeAt, only with flag `realtime`
 *         u48  directory number, only with flag `directory`
 *         name
 *
 * All numbers are little-endian. Invariant: an entry that travels has neither `realtime` nor `directory`, and agent 0.
 */
export const flags = {
  suspect: 0x08,
  blindSpot: 0x10,
  realtime: 0x20,
  directory: 0x40,
  noAttributes: 0x80,
} as const;

export const kindMask = 0x07;
export const fixedBytes = 30;
/** The longest that one packed entry can be. */
export const packedBytesMax = fixedBytes + 8 + 6 + 255;

const two32 = 2 ** 32;

/** Bytes that `packEntry` will write. */
export function packedLength(entry: Pick<Entry, 'name' | 'realtimeAt' | 'directory'>): number {
  return fixedBytes + (entry.realtimeAt === 0 ? 0 : 8) + (entry.directory === 0 ? 0 : 6) + entry.name.length;
}

/** Writes an entry at `at`, where `packedLength(entry)` bytes must be free. Returns the offset behind it. */
export function packEntry(view: DataView, at: number, entry: Entry): number {
  const hasRealtime = entry.realtimeAt !== 0;
  const hasDirectory = entry.directory !== 0;
  view.setUint8(at, entry.name.length);
  view.setUint8(
    at + 1,
    entry.kind |
      (entry.isSuspect ? flags.suspect : 0) |
      (entry.isBlindSpot ? flags.blindSpot : 0) |
      (hasRealtime ? flags.realtime : 0) |
      (hasDirectory ? flags.directory : 0) |
      (entry.hasAttributes ? 0 : flags.noAttributes),
  );
  view.setUint32(at + 2, entry.size % two32, true);
  view.setUint32(at + 6, Math.floor(entry.size / two32), true);
  packTime(view, at + 10, entry.mtime);
  packTime(view, at + 19, entry.ctime);
  view.setUint16(at + 28, entry.agent, true);
  let offset = at + fixedBytes;
  if (hasRealtime) {
    view.setFloat64(offset, entry.realtimeAt, true);
    offset += 8;
  }
  if (hasDirectory) {
    view.setUint32(offset, entry.directory % two32, true);
    view.setUint16(offset + 4, Math.floor(entry.directory / two32), true);
    offset += 6;
  }
  for (let i = 0; i < entry.name.length; i++) view.setUint8(offset + i, entry.name.charCodeAt(i));
  return offset + entry.name.length;
}

/** A run of the given entries, which must be sorted by name. For tests and small runs: scanners write bytes themselves. */
export function packRun(entries: readonly Entry[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + packedLength(entry), 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const entry of entries) at = packEntry(view, at, entry);
  return bytes;
}

/** What an agent sees, as the view would first know it. */
export function newEntry(observed: ObservedEntry): Entry {
  return {...observed, realtimeAt: 0, agent: 0, isSuspect: false, isBlindSpot: false, directory: 0};
}

/** Seconds are kept in 40 bits (years 1 to 19,403); a file system's stranger times are kept at the nearest of these. */
export function packTime(view: DataView, at: number, time: FileTime): void {
  const seconds = Math.min(Math.max(time.seconds, -(2 ** 39)), 2 ** 39 - 1);
  const high = Math.floor(seconds / two32);
  view.setUint32(at, time.nanos, true);
  view.setUint32(at + 4, seconds - high * two32, true);
  view.setInt8(at + 8, high);
}

/**
 * Walks the entries of a run without making objects. `isAtEnd` is true before an empty run and behind the last entry;
 * the other members speak of the current entry and may only be asked while it is false.
 */
export class PackedCursor {
  #bytes!: Buffer;
  #at = 0;
  #end = 0;

  constructor(run?: Uint8Array) {
    if (run) this.reset(run);
  }

  /** Begins at the first entry of another run (a part of a larger buffer is fine). */
  reset(run: Uint8Array, from = 0): this {
    this.#bytes = run instanceof Buffer ? run : Buffer.from(run.buffer, run.byteOffset, run.byteLength);
    this.#at = from;
    this.#end = run.byteLength;
    return this;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end;
  }

  next(): void {
    this.#at += this.byteLength;
  }

  /** Goes on to the first entry that is not before `name`. True when it is that very name. */
  seek(name: ByteString): boolean {
    while (!this.isAtEnd) {
      const order = this.compareName(name);
      if (order >= 0) return order === 0;
      this.next();
    }
    return false;
  }

  /** The bytes that the cursor walks over; offsets count in them. */
  get run(): Buffer {
    return this.#bytes;
  }

  /** Where the entry begins in the run. */
  get offset(): number {
    return this.#at;
  }

  get byteLength(): number {
    return this.nameOffset - this.#at + this.nameLength;
  }

  /** The entry's own bytes: a view of the run, not a copy. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#at + this.byteLength);
  }

  get nameLength(): number {
    return this.#bytes[this.#at]!;
  }

  /** Where the name's bytes begin in the run. */
  get nameOffset(): number {
    const bits = this.#bytes[this.#at + 1]!;
    return this.#at + fixedBytes + (bits & flags.realtime ? 8 : 0) + (bits & flags.directory ? 6 : 0);
  }

  get name(): ByteString {
    const start = this.nameOffset;
    return this.#bytes.toString('latin1', start, start + this.nameLength) as ByteString;
  }

  /** Negative when this entry's name comes before the other cursor's. */
  compareNameTo(other: PackedCursor): number {
    const length = this.nameLength;
    const otherLength = other.nameLength;
    const start = this.nameOffset;
    const otherStart = other.nameOffset;
    const common = Math.min(length, otherLength);
    for (let i = 0; i < common; i++) {
      const difference = this.#bytes[start + i]! - other.#bytes[otherStart + i]!;
      if (difference !== 0) return difference;
    }
    return length - otherLength;
  }

  /** Negative when this entry's name comes before `name`. */
  compareName(name: ByteString): number {
    const length = this.nameLength;
    const start = this.nameOffset;
    const common = Math.min(length, name.length);
    for (let i = 0; i < common; i++) {
      const difference = this.#bytes[start + i]! - name.charCodeAt(i);
      if (difference !== 0) return difference;
    }
    return length - name.length;
  }

  get kind(): Kind {
    return (this.#bytes[this.#at + 1]! & kindMask) as Kind;
  }

  get flags(): number {
    return this.#bytes[this.#at + 1]! & ~kindMask;
  }

  get hasAttributes(): boolean {
    return (this.#bytes[this.#at + 1]! & flags.noAttributes) === 0;
  }

  get isSuspect(): boolean {
    return (this.#bytes[this.#at + 1]! & flags.suspect) !== 0;
  }

  get isBlindSpot(): boolean {
    return (this.#bytes[this.#at + 1]! & flags.blindSpot) !== 0;
  }

  get size(): number {
    return this.#uint32(this.#at + 2) + this.#uint32(this.#at + 6) * two32;
  }

  get mtime(): FileTime {
    return this.#time(10);
  }

  get mtimeSeconds(): number {
    return this.#seconds(10);
  }

  get mtimeNanos(): number {
    return this.#uint32(this.#at + 10);
  }

  get ctime(): FileTime {
    return this.#time(19);
  }

  get ctimeSeconds(): number {
    return this.#seconds(19);
  }

  get ctimeNanos(): number {
    return this.#uint32(this.#at + 19);
  }

  get agent(): number {
    return this.#uint16(this.#at + 28);
  }

  get realtimeAt(): number {
    const has = this.#bytes[this.#at + 1]! & flags.realtime;
    return has ? this.#bytes.readDoubleLE(this.#at + fixedBytes) : 0;
  }

  get directory(): DirectoryNumber {
    const bits = this.#bytes[this.#at + 1]!;
    if ((bits & flags.directory) === 0) return 0;
    const at = this.#at + fixedBytes + (bits & flags.realtime ? 8 : 0);
    return this.#uint32(at) + this.#uint16(at + 4) * two32;
  }

  /** All of it as an object. */
  toEntry(): Entry {
    return {
      name: this.name,
      kind: this.kind,
      size: this.size,
      mtime: this.mtime,
      ctime: this.ctime,
      hasAttributes: this.hasAttributes,
      realtimeAt: this.realtimeAt,
      agent: this.agent,
      isSuspect: this.isSuspect,
      isBlindSpot: this.isBlindSpot,
      directory: this.directory,
    };
  }

  #time(at: number): FileTime {
    return {seconds: this.#seconds(at), nanos: this.#uint32(this.#at + at)};
  }

  #seconds(at: number): number {
    return this.#uint32(this.#at + at + 4) + ((this.#bytes[this.#at + at + 8]! << 24) >> 24) * two32;
  }

  // By hand: a DataView made for each run costs more than all that is read of it.
  #uint32(at: number): number {
    const bytes = this.#bytes;
    return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
  }

  #uint16(at: number): number {
    return this.#bytes[at]! | (this.#bytes[at + 1]! << 8);
  }
}

/** Why bytes from outside are not a run as it may travel, or undefined when they are one. Reads no byte twice. */
export function runProblem(run: Uint8Array): string | undefined {
  const cursor = new PackedCursor(run);
  const bytes = cursor.run;
  let before = {start: 0, length: 0};
  for (let count = 0; !cursor.isAtEnd; cursor.next(), count++) {
    const {offset} = cursor;
    if (offset + fixedBytes > bytes.byteLength) return `entry ${count} is cut off`;
    const foreign = cursor.flags & ~flags.noAttributes;
    if (foreign !== 0) return `entry ${count} has flags 0x${foreign.toString(16)}, which do not travel`;
    if (cursor.kind < 1 || cursor.kind > 4) return `entry ${count} is of kind ${cursor.kind}, which does not exist`;
    const name = {start: offset + fixedBytes, length: bytes[offset]!};
    if (name.start + name.length > bytes.byteLength) return `entry ${count} is cut off`;
    if (cursor.mtimeNanos > 999_999_999 || cursor.ctimeNanos > 999_999_999)
      return `entry ${count} has an impossible time`;
    if (!isNameAt(bytes, name)) return `entry ${count} has an impossible name`;
    if (compareNamesAt(bytes, before, name) >= 0) return `entry ${count} does not come after the one before it`;
    before = name;
  }
  return undefined;
}

type NameAt = {start: number; length: number};

function compareNamesAt(bytes: Uint8Array, a: NameAt, b: NameAt): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) {
    const difference = bytes[a.start + i]! - bytes[b.start + i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function isNameAt(bytes: Uint8Array, {start, length}: NameAt): boolean {
  if (length === 0) return false;
  for (let i = start; i < start + length; i++) if (bytes[i] === 0x2f || bytes[i] === 0) return false;
  if (bytes[start] !== 0x2e) return true;
  return !(length === 1 || (length === 2 && bytes[start + 1] === 0x2e));
}
