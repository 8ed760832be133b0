import type {ByteString} from '../entry/byte-string.ts';
import {kindNames} from '../entry/entry.ts';
import {type Path, splitPath} from '../entry/path.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import {ByteBuffer} from './byte-buffer.ts';
import {encodeCursor} from './cursor.ts';
import {nameFields, timeText} from './json-values.ts';
import {type Meta, readMeta} from './meta.ts';
import {resolve} from './resolve.ts';
import {TreeWalk, type WalkOptions} from './tree-walk.ts';

export type TreeQuery = WalkOptions & {
  view: string;
  path: Path;
  /** Names below the path behind which to begin. */
  after: readonly ByteString[] | undefined;
};

const chunkBytes = 64 * 1024;

/**
 * The bytes of one answer of `fs/tree`, `{"data": node, "meta": {…}}`, in chunks. Each chunk is one call of `next` with
 * a snapshot of its own, so a slow client never keeps one. `meta` comes last: it tells from which change to which the answer goes.
 */
export class TreeAnswer {
  readonly #query: TreeQuery;
  readonly #out: ByteBuffer;
  #walk: TreeWalk | undefined;
  #seqFrom: number | undefined;
  isDone = false;

  /** `out` may be shared by all answers of a process: it is empty between two chunks. */
  constructor(query: TreeQuery, out = new ByteBuffer(chunkBytes + 16 * 1024)) {
    this.#query = query;
    this.#out = out;
  }

  /** The next chunk; undefined, in place of the first, when the path is not known: then ask `missingMeta`. */
  next(txn: TreeRead, nowMs: number): Uint8Array<ArrayBuffer> | undefined {
    const out = this.#out;
    if (this.#seqFrom === undefined) {
      this.#seqFrom = txn.seq();
      if (!this.#begin(txn)) return undefined;
    }
    this.#walk?.write(txn, out, chunkBytes);
    if (!this.#walk || this.#walk.isAtEnd || this.#walk.isAtLimit) this.#end(txn, nowMs);
    return out.take();
  }

  #begin(txn: TreeRead): boolean {
    const {path, after, onlyPath} = this.#query;
    const {entry} = resolve(txn, path);
    if (!entry) return false;
    const out = this.#out;
    const name = path === '/' ? path : splitPath(path).name;
    const fields = {...nameFields('name', name), ...nameFields('path', path)};
    out.text(`{"data":${JSON.stringify(fields).slice(0, -1)}`);
    if (after) out.ascii(',"continued":true');
    else if (!onlyPath) {
      const {hasAttributes, size, mtime, isSuspect} = entry;
      out.ascii(`,"content_type":"${kindNames[entry.kind]}"`);
      if (hasAttributes) out.ascii(`,"size":${size},"modified_time":${timeText(mtime.seconds, mtime.nanos)}`);
      out.ascii(`,"integrity_suspect":${isSuspect}`);
    }
    if (entry.directory === 0 || this.#query.depthMax === 0) {
      out.byte(0x7d);
      return true;
    }
    out.ascii(',"children":[');
    this.#walk = new TreeWalk(entry.directory, this.#query);
    if (after) this.#walk.resume(txn, out, after);
    return true;
  }

  #end(txn: TreeRead, nowMs: number): void {
    const {view, path} = this.#query;
    const walk = this.#walk;
    const hasMore = walk !== undefined && !walk.isAtEnd;
    walk?.closeAll(this.#out);
    const meta: Meta = {
      ...readMeta(txn, {view, nowMs}, resolve(txn, path)),
      seq_from: this.#seqFrom!,
      next_cursor: hasMore ? encodeCursor(path, walk.lastNames) : null,
    };
    this.#out.text(`,"meta":${JSON.stringify(meta)}}`);
    this.isDone = true;
  }
}
