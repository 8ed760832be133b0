import {kinds, newEntryFrom, zeroTime} from '../core/entry/entry.ts';
import {aboveRoot, rootDirectory, rootName, type TreeRead} from '../core/tree/tree-store.ts';
import {emptyViewState, type ViewState, viewStateName} from '../core/view/view-status.ts';
import {zeroTotals} from './totals.ts';

/** What a view is to a process that cannot read its store: nothing is known of it, and `code` says why. */
export function unreadableTree(code: string): TreeRead {
  const state: ViewState = {...emptyViewState, unreadable: code};
  return {...emptyTree, state: <T>(name: string) => (name === viewStateName ? (state as T) : undefined)};
}

const attributes = {kind: kinds.directory, size: 0, mtime: zeroTime, ctime: zeroTime};

/** What a view is before its engine ran for the first time: a root of which nothing is known. */
export const emptyTree: TreeRead = {
  storeId: () => '',
  snapshotId: () => undefined,
  seq: () => 0,
  changesFrom: () => 0,
  changes: () => [],
  entry: (directory, name) => {
    if (directory !== aboveRoot || name !== rootName) return undefined;
    return {...newEntryFrom(rootName, attributes), hasAttributes: false, directory: rootDirectory};
  },
  childDirectory: (directory, name) => (directory === aboveRoot && name === rootName ? rootDirectory : 0),
  directory: directory => {
    if (directory !== rootDirectory) return undefined;
    const nothing = {listedAt: 0, unreadable: undefined, partial: undefined, ownVersion: 0, totals: zeroTotals};
    return {number: rootDirectory, parent: aboveRoot, name: rootName, ...nothing};
  },
  runs: () => [],
  allRuns: () => [],
  tombstone: () => undefined,
  hasTombstones: () => false,
  tombstones: () => [],
  suspects: () => [],
  blindSpots: () => [],
  state: () => undefined,
  states: () => [],
};
