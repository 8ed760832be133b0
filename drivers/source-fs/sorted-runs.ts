import {fixedBytes} from '../../core/entry/packed.ts';
import {nameBytesMax} from '../../core/entry/path.ts';

/** Entries in one run: bounds what a queue and a batch must hold at once. */
export const runEntriesMax = 4_000;

/** So much is sorted at once; a directory of more names is merged from such parts. */
const partBytes = 4 << 20;
const entryBytesMax = fixedBytes + nameBytesMax;

/**
 * Packed entries in any order become sorted runs of a bounded number of entries. What is being sorted is there once, plus a few
 * megabytes: parts give back their memory as they are merged.
 */
export class SortedRuns {
  /** Entries are written here by the caller, at `end`, where there is always room for one. */
  readonly packed = Buffer.allocUnsafeSlow(partBytes);
  #end = 0;
  #starts: number[] = [];
  #parts: Run[][] = [];
  readonly #writer = new RunWriter();

  get end(): number {
    return this.#end;
  }

  /** An entry was written, up to there. */
  add(end: number): void {
    this.#starts.push(this.#end);
    this.#end = end;
    if (end + entryBytesMax > partBytes) this.#endPart();
  }

  /** Begins anew. What was added before and not taken is thrown away. */
  clear(): void {
    this.#end = 0;
    this.#starts = [];
    this.#parts = [];
    this.#writer.take();
    this.#writer.count = 0;
  }

  /** All that was added, sorted, no name twice: at least one run, of its own memory each. */
  take(): {runs: Run[]; count: number} {
    this.#endPart();
    const parts = this.#parts;
    const runs = parts.length <= 1 ? (parts[0] ?? [new Uint8Array(0)]) : merge(parts, this.#writer);
    const {count} = this.#writer;
    this.clear();
    return {runs, count};
  }

  #endPart(): void {
    const {packed} = this;
    this.#starts.sort((a, b) => compareNames(packed, a, packed, b));
    for (const start of this.#starts) this.#writer.add(packed, start);
    if (this.#starts.length > 0) this.#parts.push(this.#writer.take());
    this.#starts = [];
    this.#end = 0;
  }
}

export type Run = Uint8Array<ArrayBuffer>;

/** One part, and how far it is merged. */
type Cursor = {runs: Run[]; next: number; bytes: Buffer; at: number};

/** The names of all parts in order: the cursor with the first name is on top of a heap. */
function merge(parts: readonly Run[][], writer: RunWriter): Run[] {
  writer.count = 0;
  const heap = parts.map((runs): Cursor => ({runs, next: 1, bytes: bufferOf(runs[0]!), at: 0}));
  for (let at = (heap.length - 2) >> 1; at >= 0; at--) sink(heap, at);
  while (heap.length > 0) {
    const top = heap[0]!;
    writer.add(top.bytes, top.at);
    top.at += lengthAt(top.bytes, top.at);
    if (top.at === top.bytes.length && !advance(top)) {
      const last = heap.pop()!;
      if (heap.length === 0) break;
      heap[0] = last;
    }
    sink(heap, 0);
  }
  return writer.take();
}

/** Goes on with the next run, and gives back the memory of the one before at once. */
function advance(cursor: Cursor): boolean {
  cursor.runs[cursor.next - 1]!.buffer.transfer(0);
  const run = cursor.runs[cursor.next++];
  if (!run) return false;
  cursor.bytes = bufferOf(run);
  cursor.at = 0;
  return true;
}

function sink(heap: Cursor[], from: number): void {
  const moved = heap[from]!;
  let at = from;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && compareCursors(heap[below + 1]!, heap[below]!) < 0) below++;
    if (compareCursors(heap[below]!, moved) >= 0) break;
    heap[at] = heap[below]!;
    at = below;
  }
  heap[at] = moved;
}

/** Cuts sorted entries into runs. A name that a file system gives twice, because it changed meanwhile, is taken once. */
class RunWriter {
  readonly #bytes = Buffer.allocUnsafeSlow(runEntriesMax * entryBytesMax);
  #end = 0;
  #entries = 0;
  /** Where the last entry is, also when its run was ended. */
  #last = -1;
  #runs: Run[] = [];
  /** Entries since it was set to 0. */
  count = 0;

  add(from: Buffer, start: number): void {
    if (this.#last !== -1 && compareNames(this.#bytes, this.#last, from, start) === 0) return;
    if (this.#entries === runEntriesMax) this.#endRun();
    this.#last = this.#end;
    this.#end += from.copy(this.#bytes, this.#end, start, start + lengthAt(from, start));
    this.#entries++;
    this.count++;
  }

  take(): Run[] {
    if (this.#entries > 0) this.#endRun();
    const runs = this.#runs;
    this.#runs = [];
    this.#last = -1;
    return runs;
  }

  #endRun(): void {
    this.#runs.push(new Uint8Array(this.#bytes.subarray(0, this.#end)));
    this.#end = 0;
    this.#entries = 0;
  }
}

function bufferOf(run: Run): Buffer {
  return Buffer.from(run.buffer, run.byteOffset, run.byteLength);
}

function lengthAt(bytes: Buffer, start: number): number {
  return fixedBytes + bytes[start]!;
}

function compareCursors(a: Cursor, b: Cursor): number {
  return compareNames(a.bytes, a.at, b.bytes, b.at);
}

/** By hand: names differ early, and a call into the engine costs more than a few bytes. */
function compareNames(a: Buffer, startA: number, b: Buffer, startB: number): number {
  const lengthA = a[startA]!;
  const lengthB = b[startB]!;
  const common = lengthA < lengthB ? lengthA : lengthB;
  const nameA = startA + fixedBytes;
  const nameB = startB + fixedBytes;
  for (let i = 0; i < common; i++) {
    const difference = a[nameA + i]! - b[nameB + i]!;
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}
