import {compareTimes, type Entry, kinds} from '../entry/entry.ts';
import type {Totals} from '../tree/tree-store.ts';
import {exactTime} from './exact-object.ts';

/** Sums as answers have them. */
export function totalsFields(totals: Totals) {
  return {
    files: totals.files,
    directories: totals.directories,
    others: totals.others,
    bytes: totals.bytes,
    unlisted: totals.unlisted,
    unreadable: totals.unreadable,
    suspects: totals.suspects,
    blind_spots: totals.blindSpots,
    newest_change: exactTime(totals.newestChange),
  };
}

/**
 * The sums of an entry: of a directory those of all below it, and its own change, because that is all that a deletion in it
 * leaves behind; of anything else what it adds to the sums of those above it.
 */
export function totalsOf(entry: Omit<Entry, 'name'>, below: Totals | undefined): Totals {
  const {kind, size, ctime, isSuspect, isBlindSpot, realtimeAt} = entry;
  if (below) return {...below, newestChange: compareTimes(ctime, below.newestChange) > 0 ? ctime : below.newestChange};
  return {
    files: kind === kinds.file ? 1 : 0,
    directories: 0,
    others: kind === kinds.file || kind === kinds.directory ? 0 : 1,
    bytes: kind === kinds.file ? size : 0,
    unlisted: 0,
    unreadable: 0,
    suspects: Number(isSuspect),
    blindSpots: Number(isBlindSpot),
    newestChange: ctime,
    newestRealtimeAt: realtimeAt,
    newestFoundAt: 0,
    version: 0,
  };
}
