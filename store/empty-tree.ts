import {kinds, zeroTime} from '../core/entry/entry.ts';
import {aboveRoot, rootDirectory, rootName, type TreeRead} from '../core/tree/tree-store.ts';
import {zeroTotals} from './totals.ts';

/** What a view is before its engine ran for the first time: a root of which nothing is known. */
export const emptyTree: TreeRead = {
  seq: () => 0,
  entry: (directory, name) =>
    directory === aboveRoot && name === rootName
      ? {
          name: rootName,
          kind: kinds.directory,
          size: 0,
          mtime: zeroTime,
          ctime: zeroTime,
          hasAttributes: false,
          realtimeAt: 0,
          agent: 0,
          isSuspect: false,
          isBlindSpot: false,
          directory: rootDirectory,
        }
      : undefined,
  directory: directory =>
    directory === rootDirectory
      ? {
          number: rootDirectory,
          parent: aboveRoot,
          name: rootName,
          listedAt: 0,
          unreadable: undefined,
          partial: undefined,
          totals: zeroTotals,
        }
      : undefined,
  runs: () => [],
  tombstone: () => undefined,
  hasTombstones: () => false,
  tombstones: () => [],
  suspects: () => [],
  blindSpots: () => [],
  state: () => undefined,
  states: () => [],
};
