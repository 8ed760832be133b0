import type {ByteString} from '../entry/byte-string.ts';
import {type Entry, kindNames} from '../entry/entry.ts';
import {type Path, splitPath} from '../entry/path.ts';
import type {DirectoryRecord, TreeRead} from '../tree/tree-store.ts';
import {ByteBuffer} from './byte-buffer.ts';
import {encodeChangePlace} from './change-place.ts';
import {encodeCursor} from './cursor.ts';
import {DirectoryWalk} from './directory-walk.ts';
import {nameFields, timeText} from './json-values.ts';
import {type Meta, type MetaJob, readMeta} from './meta.ts';
import type {SettledQuery} from './read-settled.ts';
import {RenderedRuns} from './rendered-runs.ts';
import {type Found, resolve} from './resolve.ts';
import {TreeWalk, type WalkOptions} from './tree-walk.ts';

export type TreeQuery = WalkOptions & {
  view: string;
  path: Path;
  /** Names below the path behind which to begin. */
  after: readonly ByteString[] | undefined;
  /** Told in `meta`. */
  job?: MetaJob | undefined;
  settled?: SettledQuery | undefined;
};

/** A first chunk is made when the request comes, so one of a long answer is small; it goes on in its turn. */
const firstBytes = 16 * 1024;
const chunkBytesMax = 64 * 1024;
const renderedBytesMax = 16 * 2 ** 20;

/** What all answers of a process share. */
export class AnswerParts {
  /** Empty between two chunks. */
  readonly out = new ByteBuffer(2 * chunkBytesMax);
  readonly rendered = new RenderedRuns(renderedBytesMax);
}

/**
 * The bytes of one answer of `fs/tree`, `{"data": node, "meta": {…}}`, in chunks. Each chunk is one call of `next` with
 * a snapshot of its own, so a slow client never keeps one. `meta` comes last: it tells from which change to which the answer goes.
 */
export class TreeAnswer {
  readonly #query: TreeQuery;
  readonly #parts: AnswerParts;
  #walk: TreeWalk | DirectoryWalk | undefined;
  #seqFrom: number | undefined;
  isDone = false;
  /** A chunk that failed may have moved on and left nothing: no other can follow it. */
  #isBroken = false;

  constructor(query: TreeQuery, parts = new AnswerParts()) {
    this.#query = query;
    this.#parts = parts;
  }

  /** The next chunk; undefined, in place of the first, when the path is not known. */
  next(txn: TreeRead, nowMs: number): Buffer | undefined {
    const pieces = this.nextPieces(txn, nowMs);
    return pieces?.length === 1 ? pieces[0] : pieces && Buffer.concat(pieces);
  }

  /**
   * The same in pieces that need not be copied: some may be kept for other answers, so they are not to be written to. All
   * together have about `bytesMax` bytes, never more than 64 KiB above that.
   */
  nextPieces(txn: TreeRead, nowMs: number, bytesMax = chunkBytesMax): Buffer[] | undefined {
    const {out} = this.#parts;
    out.length = 0; // an answer that failed may have left a part of itself
    if (this.#isBroken) throw new Error('An answer goes on behind a chunk that failed.');
    this.#isBroken = true;
    const pieces: Buffer[] = [];
    let found: Found | undefined;
    let bytes = bytesMax;
    if (this.#seqFrom === undefined) {
      this.#seqFrom = txn.seq();
      found = resolve(txn, this.#query.path);
      if (!found.entry) {
        this.#isBroken = false;
        return undefined;
      }
      this.#begin(txn, {...found, entry: found.entry}, pieces, bytesMax);
      if (this.#walk instanceof TreeWalk) bytes = Math.min(bytesMax, firstBytes);
    }
    this.#walk?.write(txn, out, bytes);
    if (!this.#walk || this.#walk.isAtEnd || this.#walk.isAtLimit) {
      this.#end(txn, nowMs, found ?? resolve(txn, this.#query.path));
    }
    pieces.push(out.take());
    this.#isBroken = false;
    return pieces;
  }

  #begin(txn: TreeRead, {entry, record}: Found & {entry: Entry}, pieces: Buffer[], bytesMax: number): void {
    const {path, after, onlyPath, depthMax} = this.#query;
    const {out} = this.#parts;
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
    if (!record || depthMax === 0) {
      out.byte(0x7d);
      return;
    }
    out.ascii(',"children":[');
    this.#walkBelow(txn, record, pieces, bytesMax);
  }

  #walkBelow(txn: TreeRead, record: Readonly<DirectoryRecord>, pieces: Buffer[], bytesMax: number): void {
    const {view, after, onlyPath, depthMax, limit} = this.#query;
    const {out, rendered} = this.#parts;
    if (depthMax === 1 && !onlyPath && !after && limit === Number.POSITIVE_INFINITY) {
      const walk = new DirectoryWalk(record.number, {view, rendered});
      const kept = walk.kept(txn, record);
      if (kept && kept.byteLength <= bytesMax) {
        pieces.push(out.take(), kept);
        out.ascii(']}');
      } else this.#walk = walk;
      return;
    }
    const walk = new TreeWalk(record.number, this.#query);
    if (after) walk.resume(txn, out, after);
    this.#walk = walk;
  }

  #end(txn: TreeRead, nowMs: number, found: Found): void {
    const {view, path, job, settled} = this.#query;
    const {out} = this.#parts;
    const walk = this.#walk;
    const hasMore = walk !== undefined && !walk.isAtEnd;
    walk?.closeAll(out);
    const meta: Meta = {
      ...readMeta(txn, {view, nowMs, settled}, found),
      seq_from: this.#seqFrom!,
      changes_since: encodeChangePlace({seq: this.#seqFrom!, ahead: txn.seq(), until: undefined}),
      next_cursor: hasMore ? encodeCursor(path, walk.lastNames) : null,
      ...job,
    };
    out.text(`,"meta":${JSON.stringify(meta)}}`);
    this.isDone = true;
  }
}
