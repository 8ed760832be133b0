import type {Entry} from '../core/entry/entry.ts';
import {fixedBytes, flags, type PackedCursor, packEntry, packedBytesMax} from '../core/entry/packed.ts';

/** With its header a block then fills exactly one overflow page of LMDB. */
export const blockBytesMax = 4080;

const two32 = 2 ** 32;

/** Collects packed entries in order, copied from runs or made. Used again and again, so it allocates only to grow. */
export class BlockWriter {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
  #length = 0;
  /** Where each entry begins. */
  #starts: number[] = [];

  get length(): number {
    return this.#length;
  }

  /** What was written so far: valid until something more is written. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    this.#starts.length = 0;
  }

  /** The entry at a cursor, as it stands. */
  copy(cursor: PackedCursor): void {
    this.#begin(cursor.byteLength);
    this.#bytes.set(cursor.bytes, this.#length);
    this.#length += cursor.byteLength;
  }

  add(entry: Entry): void {
    this.#begin(packedBytesMax);
    this.#length = packEntry(this.#view, this.#length, entry);
  }

  /** A listed entry, which has neither number nor time of observation, with those that the view gives it. */
  adopt(
    listed: PackedCursor,
    {
      flags: entryFlags,
      agent,
      realtimeAt,
      directory,
    }: {flags: number; agent: number; realtimeAt: number; directory: number},
  ): void {
    this.#begin(packedBytesMax);
    const {bytes, nameLength} = listed;
    const start = this.#length;
    this.#bytes.set(bytes.subarray(0, fixedBytes), start);
    const extra = (realtimeAt === 0 ? 0 : flags.realtime) | (directory === 0 ? 0 : flags.directory);
    this.#bytes[start + 1] = bytes[1]! | entryFlags | extra;
    this.#view.setUint16(start + 28, agent, true);
    let at = start + fixedBytes;
    if (realtimeAt !== 0) {
      this.#view.setFloat64(at, realtimeAt, true);
      at += 8;
    }
    if (directory !== 0) {
      this.#view.setUint32(at, directory % two32, true);
      this.#view.setUint16(at + 4, Math.floor(directory / two32), true);
      at += 6;
    }
    this.#bytes.set(bytes.subarray(fixedBytes, fixedBytes + nameLength), at);
    this.#length = at + nameLength;
  }

  /** The entry at a cursor with other flags of suspicion and blind spot. */
  reflag(cursor: PackedCursor, entryFlags: number): void {
    const start = this.#length;
    this.copy(cursor);
    const kept = this.#bytes[start + 1]! & ~(flags.suspect | flags.blindSpot);
    this.#bytes[start + 1] = kept | entryFlags;
  }

  /** Whether what was written is the same as a run. */
  equals(run: Uint8Array): boolean {
    return run.byteLength === this.#length && this.#bytes.compare(run, 0, run.byteLength, 0, this.#length) === 0;
  }

  /**
   * What was written, cut into blocks. Two halves when one block overflows in its middle, so that both can grow; full
   * blocks when it is filled in order (`isAppended`) or by a whole listing.
   */
  blocks(isAppended: boolean): Buffer[] {
    if (this.#length <= blockBytesMax) return [this.#slice(0, this.#length)];
    const isSplit = !isAppended && this.#length <= 1.5 * blockBytesMax;
    let bytesMax = isSplit ? Math.ceil(this.#length / 2) : blockBytesMax;
    const blocks: Buffer[] = [];
    let from = 0;
    for (let i = 1; i < this.#starts.length; i++) {
      const end = this.#starts[i + 1] ?? this.#length;
      if (end - from <= bytesMax) continue;
      const cut = this.#starts[i]!;
      blocks.push(this.#slice(from, cut));
      from = cut;
      if (isSplit) bytesMax = blockBytesMax;
    }
    blocks.push(this.#slice(from, this.#length));
    return blocks;
  }

  #slice(from: number, to: number): Buffer {
    return Buffer.from(this.#bytes.subarray(from, to));
  }

  #begin(bytesMax: number): void {
    this.#starts.push(this.#length);
    if (this.#length + bytesMax <= this.#bytes.byteLength) return;
    const larger = Buffer.allocUnsafe(this.#bytes.byteLength * 2);
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer, larger.byteOffset, larger.byteLength);
  }
}
