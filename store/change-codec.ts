import {type ByteString, fromBytes} from '../core/entry/byte-string.ts';
import type {DirectoryNumber, Kind} from '../core/entry/entry.ts';
import type {PackedCursor} from '../core/entry/packed.ts';
import {joinPath, type Path} from '../core/entry/path.ts';
import type {ChangeName, LoggedChange} from '../core/tree/changes.ts';

/**
 * Changes in a run: rows in groups of one directory.
 *
 *     group   u8 0x80, u48 directory, u32 length of its path then, path
 *     row     u8 head: change in the low 2 bits, kind in the next 3, 0x20 when `seq` is not the row before's plus one
 *             varint what it is more, only with 0x20
 *             u8 bytes that the name begins with as the one before it in the group, u8 bytes that it ends with so,
 *             u8 length of what is between, what is between
 *             u32 length of the path that it moved from, path, only of `moved`
 *
 * A listing tells names in order, so most rows take a few bytes.
 */
const codes = {created: 0, modified: 1, deleted: 2, moved: 3} as const satisfies Record<ChangeName, number>;
const groupMark = 0x80;
const skipMark = 0x20;
const kindShift = 2;
const changeOf = Object.keys(codes) as ChangeName[];
const rowBytesMax = 1 + 8 + 3 + 255;

/** The cursor stands at the entry. */
export type ChangeRow = {change: ChangeName; at: PackedCursor; from: Path | undefined; seqBefore: number};

/** Collects a run. Used again and again, so it allocates only to grow; `bytes` are valid until it is written to again. */
export class ChangeRunWriter {
  #bytes = Buffer.allocUnsafeSlow(16 * 1024);
  readonly #name = Buffer.alloc(255);
  #nameLength = 0;
  #lastSeq = 0;
  #firstSeqBefore = 0;
  length = 0;

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  /** What it began with. */
  get firstSeqBefore(): number {
    return this.#firstSeqBefore;
  }

  /** A new run, of changes behind `seqBefore`. */
  begin(seqBefore: number): void {
    this.length = 0;
    this.#lastSeq = this.#firstSeqBefore = seqBefore;
  }

  group(directory: DirectoryNumber, path: Path): void {
    this.#reserve(11 + path.length);
    this.#bytes[this.length++] = groupMark;
    this.length = this.#bytes.writeUIntLE(directory, this.length, 6);
    this.#path(path);
    this.#nameLength = 0;
  }

  /** Runs once for each entry of a first snapshot. */
  row({change, at, from, seqBefore}: ChangeRow): void {
    this.#reserve(rowBytesMax + (from === undefined ? 0 : 4 + from.length));
    const bytes = this.#bytes;
    const skipped = seqBefore - this.#lastSeq;
    this.#lastSeq = seqBefore + 1;
    bytes[this.length++] = codes[change] | (at.kind << kindShift) | (skipped === 0 ? 0 : skipMark);
    if (skipped > 0) this.#varint(skipped);
    this.#putName(at.run, at.nameOffset, at.nameLength);
    if (from !== undefined) this.#path(from);
  }

  #putName(run: Buffer, start: number, length: number): void {
    const bytes = this.#bytes;
    const name = this.#name;
    const before = this.#nameLength;
    const common = length < before ? length : before;
    let first = 0;
    while (first < common && run[start + first] === name[first]) first++;
    let last = 0;
    while (last < common - first && run[start + length - 1 - last] === name[before - 1 - last]) last++;
    let at = this.length;
    bytes[at++] = first;
    bytes[at++] = last;
    bytes[at++] = length - first - last;
    for (let i = first; i < length - last; i++) bytes[at++] = run[start + i]!;
    this.length = at;
    const changedTo = length === before ? length - last : length;
    for (let i = first; i < changedTo; i++) name[i] = run[start + i]!;
    this.#nameLength = length;
  }

  #path(path: Path): void {
    this.length = this.#bytes.writeUInt32LE(path.length, this.length);
    this.length += this.#bytes.write(path, this.length, 'latin1');
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes[this.length++] = (rest % 0x80) | 0x80;
    this.#bytes[this.length++] = rest;
  }

  #reserve(length: number): void {
    if (this.length + length <= this.#bytes.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.length + length));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }
}

/** The changes of a run that began behind `seqBefore`. */
export function* decodeChanges(seqBefore: number, bytes: Buffer): Iterable<LoggedChange> {
  let seq = seqBefore;
  let directory = 0;
  let parent = '' as Path;
  let name = '' as ByteString;
  let at = 0;
  const readPath = (): Path => {
    const length = bytes.readUInt32LE(at);
    at += 4 + length;
    return fromBytes(bytes.subarray(at - length, at)) as Path;
  };
  while (at < bytes.byteLength) {
    const head = bytes[at++]!;
    if (head === groupMark) {
      directory = bytes.readUIntLE(at, 6);
      at += 6;
      parent = readPath();
      name = '' as ByteString;
      continue;
    }
    seq++;
    if (head & skipMark) {
      let scale = 1;
      for (let more = true; more; scale *= 0x80) {
        const byte = bytes[at++]!;
        seq += (byte & 0x7f) * scale;
        more = byte >= 0x80;
      }
    }
    const [first, last, length] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!];
    at += 3 + length;
    const between = bytes.toString('latin1', at - length, at);
    name = (name.slice(0, first) + between + name.slice(name.length - last)) as ByteString;
    const change = changeOf[head & 3]!;
    const kind = ((head >> kindShift) & 7) as Kind;
    const from = change === 'moved' ? readPath() : undefined;
    yield {seq, change, kind, path: joinPath(parent, name), from, directory, name};
  }
}
