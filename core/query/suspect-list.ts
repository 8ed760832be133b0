import {fromBytes, toBytes} from '../entry/byte-string.ts';
import type {Entry} from '../entry/entry.ts';
import {isBelow, isPath, joinPath, type Path} from '../entry/path.ts';
import {type Hlc, hlcToMs} from '../time/hlc.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import type {ListPage} from './blind-spot-list.ts';
import {DirectoryPaths} from './directory-paths.ts';
import {nameFields, timeText} from './json-values.ts';
import {isoTime} from './meta.ts';

/**
 * Files that may still be being written, by path. The store has its rows by the time at which they expire, where one file may
 * have several and moves when it is renewed; by path each is told once, also over several pages.
 *
 * At most `limit` at or below a path, behind the path `after`. Memory is bounded by `limit`.
 */
export function suspectList(
  txn: TreeRead,
  {path, after, limit}: {path: Path; after: Path | undefined; limit: number},
): ListPage {
  const paths = new DirectoryPaths(txn);
  let found = new Map<Path, string>();
  let bound: Path | undefined;
  for (const {directory, name, expiresAt} of txn.suspects()) {
    const parent = paths.of(directory);
    const at = parent && joinPath(parent, name);
    if (at === undefined || !(at === path || isBelow(at, path))) continue;
    if ((after !== undefined && at <= after) || (bound !== undefined && at > bound) || found.has(at)) continue;
    const entry = txn.entry(directory, name);
    if (!entry?.isSuspect) continue;
    found.set(at, rowOf(at, entry, expiresAt));
    if (found.size < 2 * (limit + 1)) continue;
    found = new Map(firstOf(found, limit + 1));
    bound = [...found.keys()].at(-1);
  }
  const rows = firstOf(found, limit);
  const last = rows.at(-1);
  const hasMore = found.size > limit && last !== undefined;
  return {rows: rows.map(([, row]) => row), nextCursor: hasMore ? toBytes(last[0]).toString('base64url') : null};
}

/** The path that a cursor of this list names, or undefined when it is none. */
export function decodePath(cursor: string): Path | undefined {
  const path = /^[\w-]+$/.test(cursor) ? fromBytes(Buffer.from(cursor, 'base64url')) : undefined;
  return path !== undefined && isPath(path) ? path : undefined;
}

function firstOf(found: Map<Path, string>, count: number): [Path, string][] {
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, count);
}

function rowOf(path: Path, {size, mtime}: Entry, expiresAt: Hlc): string {
  const fields = JSON.stringify({...nameFields('path', path), size, expires_at: isoTime(hlcToMs(expiresAt))});
  return `${fields.slice(0, -1)},"modified_time":${timeText(mtime.seconds, mtime.nanos)}}`;
}
