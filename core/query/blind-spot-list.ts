import type {ByteString} from '../entry/byte-string.ts';
import {fromBytes} from '../entry/byte-string.ts';
import type {DirectoryNumber} from '../entry/entry.ts';
import {isBelow, isName, joinPath, type Path} from '../entry/path.ts';
import {hlcToMs} from '../time/hlc.ts';
import type {BlindSpotChange, TreeRead} from '../tree/tree-store.ts';
import {DirectoryPaths} from './directory-paths.ts';
import {nameFields} from './json-values.ts';
import {isoTime} from './meta.ts';

/** What nobody's watcher saw, in the order of the store: directory by directory, and in each by name. */

type Place = {directory: DirectoryNumber; name: ByteString};
export type ListPage = {
  /** Each a JSON object. */
  rows: string[];
  nextCursor: string | null;
};

/** At most `limit` rows at or below a path, from behind the place of a cursor. */
export function blindSpotList(
  txn: TreeRead,
  {path, after, limit}: {path: Path; after: Place | undefined; limit: number},
): ListPage {
  const paths = new DirectoryPaths(txn);
  const rows: string[] = [];
  let last: Place | undefined;
  for (const {directory, name, change, foundAt} of txn.blindSpots()) {
    if (after !== undefined && !isBehind({directory, name}, after)) continue;
    const parent = paths.of(directory);
    const at = parent && joinPath(parent, name);
    if (at === undefined || !(at === path || isBelow(at, path)) || !holds(txn, {directory, name}, change)) continue;
    if (rows.length === limit) return {rows, nextCursor: encodePlace(last!)};
    rows.push(JSON.stringify({...nameFields('path', at), change, found_at: isoTime(hlcToMs(foundAt))}));
    last = {directory, name};
  }
  return {rows, nextCursor: null};
}

/** The place that a cursor of this list names, or undefined when it is none. */
export function decodePlace(cursor: string): Place | undefined {
  if (!/^[\w-]+$/.test(cursor)) return undefined;
  const match = /^(\d{1,15})\/(.+)$/s.exec(fromBytes(Buffer.from(cursor, 'base64url')));
  const name = match?.[2] as ByteString | undefined;
  return match && name !== undefined && isName(name) ? {directory: Number(match[1]), name} : undefined;
}

function encodePlace({directory, name}: Place): string {
  return Buffer.from(`${directory}/${name}`, 'latin1').toString('base64url');
}

/** The mark in the entry is the truth, as it is counted; a deletion is one as long as nothing stands there again. */
function holds(txn: TreeRead, {directory, name}: Place, change: BlindSpotChange): boolean {
  const entry = txn.entry(directory, name);
  return change === 'deleted' ? entry === undefined : entry?.isBlindSpot === true;
}

function isBehind(place: Place, after: Place): boolean {
  return place.directory === after.directory ? place.name > after.name : place.directory > after.directory;
}
