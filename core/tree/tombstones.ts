import {compareTimes, type FileTime} from '../entry/entry.ts';
import {type Hlc, hlcToMs} from '../time/hlc.ts';
import {latestStorageTimeAt} from '../time/storage-clock.ts';
import {type Place, type RuleContext, seenUntil} from './context.ts';
import {take} from './take.ts';
import type {Tombstone, TreeRead, TreeWrite} from './tree-store.ts';

/**
 * Deletions we still remember, so that a scan begun before the deletion cannot bring the file back.
 * A tombstone may go once it is older than the retention and no scan that began before it is running: sooner revives
 * files, later costs only space.
 */
export function buryAt({txn, storageClock, agent}: RuleContext, {directory, name}: Place, deletedAt: Hlc): void {
  const known = txn.tombstone(directory, name);
  if (known && known.deletedAt > deletedAt) return; // a later deletion says more
  const storageTime = latestStorageTimeAt(storageClock, hlcToMs(deletedAt));
  txn.putTombstone(directory, name, {deletedAt, storageTime, agent});
}

/**
 * Whether a look with this evidence, or an entry with this ctime, is provably later than the deletion. The agent that told
 * of the deletion sees nothing from before it.
 */
export function isAfterDeletion(
  context: RuleContext,
  tombstone: Tombstone,
  look: {evidence: Hlc; ctime: FileTime | undefined},
): boolean {
  if (look.ctime && compareTimes(look.ctime, tombstone.storageTime) > 0) return true;
  const limit = tombstone.agent === context.agent ? look.evidence : seenUntil(context, look.evidence);
  return limit > tombstone.deletedAt;
}

/** From when on deletions are surely remembered. */
const forgottenName = 'tombstones-forgotten-until';

export function forgottenUntil(txn: TreeRead): Hlc {
  return txn.state<Hlc>(forgottenName) ?? 0;
}

/**
 * Forgets tombstones from before `until`, of the next `limit` behind a place. Returns the place to go on from; undefined at
 * the end.
 */
export function forgetTombstones(
  txn: TreeWrite,
  {until, after, limit}: {until: Hlc; after: Place | undefined; limit: number},
): Place | undefined {
  const looked = [...take(txn.tombstones(after), limit)];
  const old = looked.filter(({deletedAt}) => deletedAt < until);
  for (const {directory, name} of old) txn.removeTombstone(directory, name);
  if (old.length > 0) txn.putState(forgottenName, Math.max(until, forgottenUntil(txn)));
  const last = looked.length === limit ? looked.at(-1) : undefined;
  return last && {directory: last.directory, name: last.name};
}
