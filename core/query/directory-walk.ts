import type {ByteString} from '../entry/byte-string.ts';
import type {DirectoryNumber} from '../entry/entry.ts';
import {PackedCursor} from '../entry/packed.ts';
import type {DirectoryRecord, TreeRead} from '../tree/tree-store.ts';
import type {ByteBuffer} from './byte-buffer.ts';
import {fieldsDefault} from './node-field.ts';
import {writeNode} from './node-writer.ts';
import type {RenderedRun, RenderedRuns} from './rendered-runs.ts';

/**
 * Writes all children of one directory and nothing below them, as JSON with the usual fields: what is asked for most. The same
 * output and the same promises between two snapshots as a `TreeWalk` of that depth with a `JsonWriter`, a run at a time.
 */
export class DirectoryWalk {
  readonly #directory: DirectoryNumber;
  readonly #rendered: RenderedRuns;
  readonly #key: string;
  #last: ByteString | undefined;
  #runsWritten = 0;
  isAtEnd = false;
  readonly isAtLimit = false;
  readonly lastNames: readonly ByteString[] = [];

  constructor(directory: DirectoryNumber, {view, rendered}: {view: string; rendered: RenderedRuns}) {
    this.#directory = directory;
    this.#rendered = rendered;
    this.#key = `${view}/${directory}`;
  }

  /** The JSON of all that there is, if it is kept as the snapshot has it. `record` is the directory's. */
  kept(txn: TreeRead, record: Readonly<DirectoryRecord>): Buffer | undefined {
    return this.#rendered.all(this.#key, versionOf(txn, record));
  }

  /** Writes until the end or about `bytesMax` bytes. */
  write(txn: TreeRead, out: ByteBuffer, bytesMax: number): void {
    const begunAt = this.#last;
    for (const run of txn.runs(this.#directory, begunAt)) {
      if (out.length >= bytesMax) return;
      if (run.byteLength === 0) continue;
      const isBegun = begunAt !== undefined && new PackedCursor(run).compareName(begunAt) <= 0;
      if (isBegun) this.#writeRest(out, run, begunAt);
      else this.#append(out, this.#rendered.of(this.#key, this.#runsWritten++, run));
    }
    out.ascii(']}');
    this.isAtEnd = true;
    if (begunAt === undefined) this.#keep(txn);
  }

  /** For a `TreeWalk` that ended at its limit; this one has none. */
  closeAll(): void {}

  #append(out: ByteBuffer, {json, lastName}: RenderedRun): void {
    if (this.#last !== undefined) out.byte(0x2c);
    out.constant(json);
    this.#last = lastName;
  }

  /** What comes behind a name in a run that begins before it. */
  #writeRest(out: ByteBuffer, run: Uint8Array, behind: ByteString): void {
    const cursor = new PackedCursor(run);
    while (!cursor.isAtEnd && cursor.compareName(behind) <= 0) cursor.next();
    for (; !cursor.isAtEnd; cursor.next()) {
      out.byte(0x2c);
      writeNode(out, cursor, fieldsDefault.nested);
      out.byte(0x7d);
      this.#last = cursor.name;
    }
  }

  /** All of it was written within one snapshot and one chunk. */
  #keep(txn: TreeRead): void {
    const record = txn.directory(this.#directory);
    if (record) this.#rendered.end(this.#key, this.#runsWritten, versionOf(txn, record));
  }
}

/** As long as it is the same, so are the entries. */
function versionOf(txn: TreeRead, {ownVersion}: Readonly<DirectoryRecord>): string {
  return `${txn.storeId()} ${ownVersion}`;
}
