import {fromBytes, toBytes} from '../entry/byte-string.ts';
import type {Entry} from '../entry/entry.ts';
import {isBelow, isPath, joinPath, type Path} from '../entry/path.ts';
import {type Hlc, hlcToMs} from '../time/hlc.ts';
import type {SuspectPlace, TreeRead} from '../tree/tree-store.ts';
import {DirectoryPaths} from './directory-paths.ts';
import {nameFields, timeText} from './json-values.ts';
import {type ListPage, pageBytesMax, sliceRows} from './list-page.ts';
import {isoTime} from './meta.ts';

/**
 * Files that may still be being written, by path. The store has its rows by the time at which they expire, where one file may
 * have several and moves when it is renewed, always to a later place; by path each is told once, also over several pages.
 *
 * At most `limit` at or below a path, behind the path `after`. Memory is bounded by `limit` and by the bytes of a page.
 */
export class SuspectPage implements ListPage {
  readonly #path: Path;
  readonly #after: Path | undefined;
  readonly #limit: number;
  readonly #paths = new DirectoryPaths();
  #at: SuspectPlace | undefined;
  #found = new Map<Path, string>();
  #bytes = 0;
  /** What is behind it will not be on this page. */
  #bound: Path | undefined;
  rows: readonly string[] = [];
  nextCursor: string | null = null;

  constructor({path, after, limit}: {path: Path; after: Path | undefined; limit: number}) {
    this.#path = path;
    this.#after = after;
    this.#limit = limit;
  }

  slice(txn: TreeRead): boolean {
    this.#paths.begin(txn);
    let count = 0;
    for (const {directory, name, expiresAt} of txn.suspects(undefined, this.#at)) {
      if (count++ === sliceRows) return false;
      this.#take(txn, {directory, name, expiresAt});
      this.#at = {directory, name, expiresAt};
    }
    const all = this.#first();
    const page = all.slice(0, this.#lengthOf(all));
    this.rows = page.map(([, row]) => row);
    this.nextCursor = page.length < all.length ? toBytes(page.at(-1)![0]).toString('base64url') : null;
    return true;
  }

  #take(txn: TreeRead, {directory, name, expiresAt}: SuspectPlace): void {
    const parent = this.#paths.of(txn, directory);
    const at = parent && joinPath(parent, name);
    if (at === undefined || !(at === this.#path || isBelow(at, this.#path)) || this.#found.has(at)) return;
    if ((this.#after !== undefined && at <= this.#after) || (this.#bound !== undefined && at > this.#bound)) return;
    const entry = txn.entry(directory, name);
    if (!entry?.isSuspect) return;
    const row = rowOf(at, entry, expiresAt);
    this.#found.set(at, row);
    this.#bytes += row.length;
    if (this.#found.size < 2 * (this.#limit + 1) && this.#bytes < 4 * pageBytesMax) return;
    const all = this.#first();
    this.#found = new Map(all.slice(0, this.#lengthOf(all) + 1)); // one more, which tells that there is one
    this.#bytes = [...this.#found.values()].reduce((sum, {length}) => sum + length, 0);
    this.#bound = [...this.#found.keys()].at(-1);
  }

  #first(): [Path, string][] {
    return [...this.#found].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** How many of them make a page. */
  #lengthOf(rows: readonly [Path, string][]): number {
    let bytes = 0;
    let length = 0;
    while (length < Math.min(rows.length, this.#limit) && bytes < pageBytesMax) bytes += rows[length++]![1].length;
    return length;
  }
}

/** The path that a cursor of this list names, or undefined when it is none. */
export function decodePath(cursor: string): Path | undefined {
  const path = /^[\w-]+$/.test(cursor) ? fromBytes(Buffer.from(cursor, 'base64url')) : undefined;
  return path !== undefined && isPath(path) ? path : undefined;
}

function rowOf(path: Path, {size, mtime}: Entry, expiresAt: Hlc): string {
  const fields = JSON.stringify({...nameFields('path', path), size, expires_at: isoTime(hlcToMs(expiresAt))});
  return `${fields.slice(0, -1)},"modified_time":${timeText(mtime.seconds, mtime.nanos)}}`;
}
