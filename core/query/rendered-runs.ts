import type {ByteString} from '../entry/byte-string.ts';
import {PackedCursor} from '../entry/packed.ts';
import {ByteBuffer} from './byte-buffer.ts';
import {fieldsDefault} from './node-field.ts';
import {writeNode} from './node-writer.ts';

/** The nodes of a whole run, with commas between them. `bytes` is a copy of the run, `lastName` its last name. */
export type RenderedRun = {bytes: Buffer; json: Buffer; lastName: ByteString};

/** `all`: when these runs were all that the directory had, and then their JSON in one. */
type Kept = {runs: RenderedRun[]; all: {version: string; json: Buffer} | undefined};

/**
 * JSON of runs that was made before, for directories that are asked for again and again.
 *
 * 1. What is kept of a run is used for a run of the same bytes only, and its JSON depends on nothing but these bytes. So
 *    nobody has to tell when the tree changes, and a change of one entry costs the rendering of one run.
 * 2. Without a look at the runs it is used only while the version is the same, which the caller makes of all that could
 *    tell that they are not.
 */
export class RenderedRuns {
  readonly #bytesMax: number;
  /** By directory, the one not used for the longest time first. */
  readonly #kept = new Map<string, Kept>();
  readonly #out = new ByteBuffer(16 * 1024);
  #bytes = 0;

  /** `bytesMax` counts runs and their JSON. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The JSON of all entries of a directory, if it was kept at this version. */
  all(directory: string, version: string): Buffer | undefined {
    const kept = this.#kept.get(directory);
    if (kept?.all?.version !== version) return undefined;
    this.#use(directory);
    return kept.all.json;
  }

  /** A directory's run number `index`. */
  of(directory: string, index: number, run: Uint8Array): RenderedRun {
    const kept = this.#use(directory);
    const earlier = kept.runs[index];
    if (earlier?.bytes.equals(run)) return earlier;
    const rendered = this.#render(run);
    if (index > kept.runs.length || index >= runsPerDirectoryMax) return rendered;
    kept.runs[index] = rendered;
    kept.all = undefined;
    this.#bytes += sizeOf(rendered) - (earlier ? sizeOf(earlier) : 0);
    this.#forget(directory);
    return rendered;
  }

  /** Tells that the directory has so many runs at this version, and that `of` was asked for each of them. */
  end(directory: string, count: number, version: string): void {
    const kept = this.#use(directory);
    const gone = kept.runs.splice(count);
    for (const run of gone) this.#bytes -= sizeOf(run);
    if (gone.length > 0) kept.all = undefined;
    if (kept.runs.length === count) kept.all = {version, json: kept.all?.json ?? joined(kept.runs)};
  }

  #use(directory: string): Kept {
    const kept = this.#kept.get(directory) ?? {runs: [], all: undefined};
    this.#kept.delete(directory);
    this.#kept.set(directory, kept);
    return kept;
  }

  #forget(except: string): void {
    for (const [directory, {runs}] of this.#kept) {
      if (this.#bytes <= this.#bytesMax || directory === except) return;
      this.#kept.delete(directory);
      for (const run of runs) this.#bytes -= sizeOf(run);
    }
  }

  #render(run: Uint8Array): RenderedRun {
    const out = this.#out;
    out.length = 0;
    let lastName = '' as ByteString;
    for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) {
      if (out.length > 0) out.byte(0x2c);
      writeNode(out, cursor, fieldsDefault.nested);
      out.byte(0x7d);
      if (cursor.offset + cursor.byteLength === run.byteLength) lastName = cursor.name;
    }
    return {bytes: Buffer.from(run), json: out.take(), lastName};
  }
}

/** About 4,000 entries: a larger directory would take the room of many. */
const runsPerDirectoryMax = 64;
/** For what is kept beside the bytes, and so that there are not endlessly many empty ones. */
const overheadBytes = 512;

function sizeOf({bytes, json}: RenderedRun): number {
  return bytes.byteLength + json.byteLength + overheadBytes;
}

/** One after the other, with commas; each run's JSON becomes a part of it, so that it is in memory once. */
function joined(runs: RenderedRun[]): Buffer {
  const json = Buffer.concat(runs.flatMap((run, index) => (index === 0 ? [run.json] : [comma, run.json])));
  let at = 0;
  for (const run of runs) {
    run.json = json.subarray(at, at + run.json.length);
    at += run.json.length + comma.length;
  }
  return json;
}

const comma = Buffer.from(',');
