import type {Entry} from '../entry/entry.ts';
import {type Path, pathNames} from '../entry/path.ts';
import {aboveRoot, type DirectoryRecord, rootName, type TreeRead} from '../tree/tree-store.ts';

/** What is known of a path. `isComplete`: everything at and below it has been listed at least once, or it cannot exist. */
export type Found = {entry: Entry | undefined; record: Readonly<DirectoryRecord> | undefined; isComplete: boolean};

export function resolve(txn: TreeRead, path: Path): Found {
  let entry: Entry | undefined;
  let directory = aboveRoot;
  for (const name of [rootName, ...pathNames(path)]) {
    // Nothing is below a file.
    if (entry?.directory === 0) return {entry: undefined, record: undefined, isComplete: true};
    entry = txn.entry(directory, name);
    if (!entry) return {entry, record: undefined, isComplete: isListed(txn.directory(directory))};
    directory = entry.directory;
  }
  const record = directory === 0 ? undefined : txn.directory(directory);
  return {entry, record, isComplete: directory === 0 || isCompleteBelow(record)};
}

/** Whether its own names are all known. */
function isListed(record: Readonly<DirectoryRecord> | undefined): boolean {
  return record !== undefined && record.listedAt !== 0 && record.unreadable === undefined;
}

export function isCompleteBelow(record: Readonly<DirectoryRecord> | undefined): boolean {
  if (record?.unreadable === 'EXDEV') return true;
  return isListed(record) && record!.totals.unlisted === 0 && record!.totals.unreadable === 0;
}
