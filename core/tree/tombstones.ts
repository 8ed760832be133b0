import {compareTimes, type FileTime} from '../entry/entry.ts';
import {type Hlc, hlcToMs, shiftHlc} from '../time/hlc.ts';
import {latestStorageTimeAt} from '../time/storage-clock.ts';
import type {Place, RuleContext, TreeSettings} from './context.ts';
import type {Tombstone, TreeWrite} from './tree-store.ts';

/**
 * Deletions we still remember, so that a scan begun before the deletion cannot bring the file back.
 * A tombstone may go once it is older than the retention and no scan that began before it is running: sooner revives
 * files, later costs only space.
 */
export function buryAt({txn, storageClock}: RuleContext, {directory, name}: Place, deletedAt: Hlc): void {
  const storageTime = latestStorageTimeAt(storageClock, hlcToMs(deletedAt));
  txn.putTombstone(directory, name, {deletedAt, storageTime});
}

/** Whether a look with this evidence, or an entry with this ctime, is provably later than the deletion. */
export function isAfterDeletion(
  tombstone: Tombstone,
  look: {evidence: Hlc; ctime: FileTime | undefined},
  {cacheWindowMs}: TreeSettings,
): boolean {
  if (look.ctime && compareTimes(look.ctime, tombstone.storageTime) > 0) return true;
  return look.evidence > shiftHlc(tombstone.deletedAt, cacheWindowMs);
}

/** Forgets tombstones from before `until`. Returns how many. */
export function forgetTombstones(txn: TreeWrite, until: Hlc): number {
  const old = [...txn.tombstones()].filter(({deletedAt}) => deletedAt < until);
  for (const {directory, name} of old) txn.removeTombstone(directory, name);
  return old.length;
}
