import type {ByteString} from '../entry/byte-string.ts';
import type {Entry} from '../entry/entry.ts';
import {PackedCursor, packRun} from '../entry/packed.ts';
import {type Path, rootPath, splitPath} from '../entry/path.ts';
import type {DirectoryRecord, TreeRead} from '../tree/tree-store.ts';
import {firstTold} from './answer-tag.ts';
import {ByteBuffer} from './byte-buffer.ts';
import {type ChangePlace, encodeChangePlace, newestPlace} from './change-place.ts';
import {encodeCursor} from './cursor.ts';
import {DirectoryPath} from './directory-path.ts';
import {DirectoryWalk} from './directory-walk.ts';
import {type Meta, type MetaJob, readMeta} from './meta.ts';
import type {NodeField} from './node-field.ts';
import type {SettledQuery} from './read-settled.ts';
import {RenderedRuns} from './rendered-runs.ts';
import {type Found, isCompleteBelow, resolve} from './resolve.ts';
import {demandStore} from './same-store.ts';
import {type TreeFormat, treeFormats} from './tree-format.ts';
import {TreeWalk, type WalkOptions} from './tree-walk.ts';
import {type Extent, extents, type TreeWriter} from './tree-writer.ts';

export type TreeQuery = WalkOptions & {
  view: string;
  path: Path;
  /** Names below the path behind which to begin. */
  after: readonly ByteString[] | undefined;
  /** Default: json. */
  format?: TreeFormat;
  /** What nodes have. Default: what is usual in the format. */
  fields?: readonly NodeField[] | undefined;
  /** Told in `meta`. */
  job?: MetaJob | undefined;
  settled?: SettledQuery | undefined;
  /** What the first snapshot has, for one who has looked at it before he asks for the first chunk, in the same transaction. */
  begun?: {found: Found; meta: Meta} | undefined;
};

/** A first chunk is made when the request comes, so one of a long answer is small; it goes on in its turn. */
const firstBytes = 16 * 1024;
const chunkBytesMax = 128 * 1024;
const renderedBytesMax = 16 * 2 ** 20;

/** What all answers of a process share. */
export class AnswerParts {
  /** Empty between two chunks. */
  readonly out = new ByteBuffer(2 * chunkBytesMax);
  readonly rendered = new RenderedRuns(renderedBytesMax);
}

/**
 * The bytes of one answer of `fs/tree` in chunks. Each chunk is one call of `next` with a snapshot of its own, so a slow client
 * never keeps one. `meta` comes last: it tells from which change to which the answer goes.
 */
export class TreeAnswer {
  readonly #query: TreeQuery;
  readonly #parts: AnswerParts;
  readonly #writer: TreeWriter;
  #walk: TreeWalk | DirectoryWalk | undefined;
  #extent: Extent = extents.leaf;
  #from: ChangePlace | undefined;
  #found: Found | undefined;
  /** The newest; for a format that does not have it in its bytes. `seq_from` on are only there when the answer is done. */
  meta: Meta | undefined;
  isDone = false;
  /** A chunk that failed may have moved on and left nothing: no other can follow it. */
  #isBroken = false;

  constructor(query: TreeQuery, parts = new AnswerParts()) {
    this.#query = query;
    this.#parts = parts;
    this.#writer = treeFormats[query.format ?? 'json'].make(query.fields);
  }

  /**
   * The next chunk; undefined, in place of the first, when the path is not known. Throws when the store that it began with cannot
   * be read any more, or is another one: it must not seem to be at its end.
   */
  next(txn: TreeRead, nowMs: number): Buffer | undefined {
    const pieces = this.nextPieces(txn, nowMs);
    return pieces && Buffer.concat(pieces);
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
    if (this.#from) demandStore(txn, this.#from.store);
    const pieces: Buffer[] = [];
    let found = this.#found && foundNow(txn, this.#found);
    let bytes = bytesMax;
    if (this.#from === undefined) {
      this.#from = newestPlace(txn);
      found = this.#found = this.#query.begun?.found ?? resolve(txn, this.#query.path);
      if (!found.entry) {
        this.#isBroken = false;
        return undefined;
      }
      if (!treeFormats[this.#query.format ?? 'json'].hasMeta) this.meta = this.#metaNow(txn, nowMs, found);
      this.#begin(txn, {...found, entry: found.entry}, pieces, bytesMax);
      if (this.#walk instanceof TreeWalk) bytes = Math.min(bytesMax, firstBytes);
    }
    this.#walk?.write(txn, out, bytes);
    if (!this.#walk || this.#walk.isAtEnd || this.#walk.isAtLimit) this.#end(txn, nowMs, found!);
    pieces.push(out.take());
    this.#isBroken = false;
    return pieces;
  }

  #begin(txn: TreeRead, {entry, record}: Found & {entry: Entry}, pieces: Buffer[], bytesMax: number): void {
    const {path, after, depthMax} = this.#query;
    const parent = new DirectoryPath();
    if (path !== rootPath) parent.set(splitPath(path).parent);
    const start = new PackedCursor(packRun([{...entry, name: path === rootPath ? path : splitPath(path).name}]));
    const below = depthMax > 0 ? record : undefined;
    if (after) this.#extent = extents.continued;
    else if (below) this.#extent = extents.open;
    this.#writer.begin(this.#parts.out, start, parent, this.#extent);
    if (below) this.#walkBelow(txn, below, pieces, bytesMax);
  }

  #walkBelow(txn: TreeRead, record: Readonly<DirectoryRecord>, pieces: Buffer[], bytesMax: number): void {
    const {view, path, after, depthMax, limit, format = 'json', fields} = this.#query;
    const {out, rendered} = this.#parts;
    const isUsual = format === 'json' && fields === undefined && !after;
    if (isUsual && depthMax === 1 && limit === Number.POSITIVE_INFINITY) {
      const walk = new DirectoryWalk(record.number, {view, rendered});
      const kept = walk.kept(txn, record);
      if (kept && kept.byteLength <= bytesMax) {
        pieces.push(out.take(), kept);
        this.#writer.close(out);
        this.#extent = extents.leaf;
      } else this.#walk = walk;
      return;
    }
    const walk = new TreeWalk({directory: record.number, path}, this.#query, this.#writer);
    if (after) walk.resume(txn, out, after);
    this.#walk = walk;
  }

  #end(txn: TreeRead, nowMs: number, found: Found): void {
    const {out} = this.#parts;
    const walk = this.#walk;
    const hasMore = walk !== undefined && !walk.isAtEnd;
    if (walk) walk.closeAll(out);
    else if (this.#extent !== extents.leaf) this.#writer.close(out);
    this.meta = {
      ...this.#metaNow(txn, nowMs, found),
      seq_from: this.#from!.seq,
      changes_since: encodeChangePlace({...this.#from!, ahead: txn.seq()}),
      next_cursor: hasMore ? encodeCursor(this.#query.path, walk.lastNames) : null,
    };
    this.#writer.end(out, this.meta);
    this.isDone = true;
  }

  #metaNow(txn: TreeRead, nowMs: number, found: Found): Meta {
    const {view, settled, begun, job, depthMax} = this.#query;
    if (begun?.found === found) return {...begun.meta, ...job};
    return {...readMeta(txn, {view, nowMs, settled}, found), ...(begun && firstTold(begun.meta, depthMax)), ...job};
  }
}

/** What is told of is the directory that the path led to in the beginning, also when it leads elsewhere by now. */
function foundNow(txn: TreeRead, {entry, record}: Found): Found {
  const now = record && txn.directory(record.number);
  return {entry, record: now, isComplete: record === undefined || isCompleteBelow(now)};
}
