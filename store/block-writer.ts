import type {Entry} from '../core/entry/entry.ts';
import {fixedBytes, flags, kindMask, PackedCursor, packEntry, packedBytesMax} from '../core/entry/packed.ts';

/** With its header a block then fills exactly one overflow page of LMDB. */
export const blockBytesMax = 4080;

const marks = flags.suspect | flags.blindSpot;
/** Kind, size and times, whether they are known, and whether they may still change: all but who spoke of it, and when. */
const shownMask = kindMask | flags.suspect | flags.noAttributes;
const shownBytes = fixedBytes - 2;

/** What the view adds to a listed entry, which has neither number nor time of observation. */
export type Adoption = {marks: number; agent: number; realtimeAt: number; directory: number};

/**
 * Collects packed entries in order, copied from runs or made. Used again and again, so it allocates only to grow.
 * What it hands out is its own memory: valid until it is written to again.
 */
export class BlockWriter {
  #bytes = Buffer.allocUnsafeSlow(64 * 1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Whole entries of a run, as they stand. */
  copy(run: Buffer, from: number, to: number): void {
    if (from === to) return;
    this.#reserve(to - from);
    run.copy(this.#bytes, this.#length, from, to);
    this.#length += to - from;
  }

  add(entry: Entry): void {
    this.#reserve(packedBytesMax);
    this.#length = packEntry(this.#view, this.#length, entry);
  }

  /** A listed entry as the view stores it. */
  adopt(listed: PackedCursor, {marks, agent, realtimeAt, directory}: Adoption): void {
    this.#reserve(packedBytesMax);
    const {run, offset, nameLength} = listed;
    const bytes = this.#bytes;
    const start = this.#length;
    copyBytes(run, offset, bytes, start, fixedBytes);
    const extras = (realtimeAt === 0 ? 0 : flags.realtime) | (directory === 0 ? 0 : flags.directory);
    bytes[start + 1] = run[offset + 1]! | marks | extras;
    bytes[start + 28] = agent & 0xff;
    bytes[start + 29] = agent >> 8;
    let at = start + fixedBytes;
    if (realtimeAt !== 0) at = bytes.writeDoubleLE(realtimeAt, at);
    if (directory !== 0) at = bytes.writeUIntLE(directory, at, 6);
    copyBytes(run, offset + fixedBytes, bytes, at, nameLength);
    this.#length = at + nameLength;
  }

  /** The entry at a cursor with other marks of suspicion and blind spot. */
  reflag(cursor: PackedCursor, newMarks: number): void {
    const at = this.#length + 1;
    this.copy(cursor.run, cursor.offset, cursor.offset + cursor.byteLength);
    this.#bytes[at] = (this.#bytes[at]! & ~marks) | newMarks;
  }

  /** Whether what was written from `start` on is the entry at a cursor. */
  endsWith(cursor: PackedCursor, start: number): boolean {
    const {run, offset, byteLength} = cursor;
    return this.#bytes.compare(run, offset, offset + byteLength, start, this.#length) === 0;
  }

  /** Whether what was written from `start` on shows anything else than the entry at a cursor, whose name it has. */
  showsOther({run, offset}: PackedCursor, start: number): boolean {
    const bytes = this.#bytes;
    if ((bytes[start + 1]! ^ run[offset + 1]!) & shownMask) return true;
    for (let i = 2; i < shownBytes; i++) if (bytes[start + i] !== run[offset + i]) return true;
    return false;
  }

  /**
   * What was written, cut into blocks. Two halves when one block overflows in its middle, so that both can grow; full
   * blocks when it is filled in order (`isAppended`) or by a whole listing.
   */
  *blocks(isAppended: boolean): Iterable<Buffer> {
    const isSplit = !isAppended && this.#length > blockBytesMax && this.#length <= 1.5 * blockBytesMax;
    let bytesMax = isSplit ? Math.ceil(this.#length / 2) : blockBytesMax;
    let from = 0;
    for (
      const cursor = new PackedCursor(this.bytes);
      this.#length - from > bytesMax && !cursor.isAtEnd;
      cursor.next()
    ) {
      if (cursor.offset === from || cursor.offset + cursor.byteLength - from <= bytesMax) continue;
      yield this.#bytes.subarray(from, cursor.offset);
      from = cursor.offset;
      bytesMax = blockBytesMax;
    }
    yield this.#bytes.subarray(from, this.#length);
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** For the few bytes of an entry faster than a call into the engine. */
function copyBytes(from: Buffer, fromAt: number, to: Buffer, toAt: number, length: number): void {
  for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i]!;
}
