import {compareTimes, type FileTime, kinds} from '../core/entry/entry.ts';
import {flags, type PackedCursor} from '../core/entry/packed.ts';
import type {DirectoryRecord, Totals} from '../core/tree/tree-store.ts';

export const zeroTotals: Totals = {
  files: 0,
  directories: 0,
  others: 0,
  bytes: 0,
  unlisted: 0,
  unreadable: 0,
  suspects: 0,
  blindSpots: 0,
  newestChange: {seconds: 0, nanos: 0},
  newestRealtimeAt: 0,
  newestFoundAt: 0,
  version: 0,
};

export function newTotals(): Totals {
  return {...zeroTotals};
}

/**
 * Totals are sums of differences: what an entry added is taken away again when it goes. Only the high-water marks
 * (`newestChange`, `newestRealtimeAt`, `newestFoundAt`, `version`) are never lowered. `marks` are the flags to count, where they
 * are not the cursor's.
 */
export function addEntry(sum: Totals, cursor: PackedCursor, sign: 1 | -1, marks = cursor.flags): void {
  const {kind} = cursor;
  if (kind === kinds.file) {
    sum.files += sign;
    sum.bytes += sign * cursor.size;
  } else if (kind === kinds.directory) sum.directories += sign;
  else sum.others += sign;
  if (marks & flags.suspect) sum.suspects += sign;
  if (marks & flags.blindSpot) sum.blindSpots += sign;
  if (sign < 0) return;
  if (cursor.ctimeSeconds >= sum.newestChange.seconds) raise(sum, cursor.ctime, 0);
  if (cursor.realtimeAt > sum.newestRealtimeAt) sum.newestRealtimeAt = cursor.realtimeAt;
}

/** A directory's own record and everything below it, as its parents count it. */
export function addSubtree(sum: Totals, record: DirectoryRecord, sign: 1 | -1): void {
  addSums(sum, record.totals, sign);
  addState(sum, record, sign);
}

/** What a directory's own record adds to those above it. `EXDEV`: another file system, which nobody means to list. */
export function addState(
  sum: Totals,
  {listedAt, unreadable}: Pick<DirectoryRecord, 'listedAt' | 'unreadable'>,
  sign: 1 | -1,
): void {
  const isForeign = unreadable === 'EXDEV';
  if (listedAt === 0 && !isForeign) sum.unlisted += sign;
  if (unreadable !== undefined && !isForeign) sum.unreadable += sign;
}

export function addSums(sum: Totals, other: Totals, sign: 1 | -1): void {
  sum.files += sign * other.files;
  sum.directories += sign * other.directories;
  sum.others += sign * other.others;
  sum.bytes += sign * other.bytes;
  sum.unlisted += sign * other.unlisted;
  sum.unreadable += sign * other.unreadable;
  sum.suspects += sign * other.suspects;
  sum.blindSpots += sign * other.blindSpots;
  if (sign < 0) return;
  raise(sum, other.newestChange, other.newestRealtimeAt);
  if (other.newestFoundAt > sum.newestFoundAt) sum.newestFoundAt = other.newestFoundAt;
  sum.version = Math.max(sum.version, other.version);
}

export function raise(sum: Totals, newestChange: FileTime, newestRealtimeAt: number): void {
  if (compareTimes(newestChange, sum.newestChange) > 0) sum.newestChange = newestChange;
  if (newestRealtimeAt > sum.newestRealtimeAt) sum.newestRealtimeAt = newestRealtimeAt;
}
