import {type Entry, kinds, zeroTime} from '../entry/entry.ts';
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

/** What an entry that is no directory adds to the sums of those above it. */
export function ownTotals({kind, size, ctime, isSuspect, isBlindSpot, realtimeAt}: Omit<Entry, 'name'>): Totals {
  return {
    files: kind === kinds.file ? 1 : 0,
    directories: 0,
    others: kind === kinds.file || kind === kinds.directory ? 0 : 1,
    bytes: kind === kinds.file ? size : 0,
    unlisted: 0,
    unreadable: 0,
    suspects: Number(isSuspect),
    blindSpots: Number(isBlindSpot),
    newestChange: kind === kinds.directory ? zeroTime : ctime,
    newestRealtimeAt: realtimeAt,
    newestFoundAt: 0,
    version: 0,
  };
}
