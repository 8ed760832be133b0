import {compareTimes, type FileTime} from '../entry/entry.ts';
import {type Hlc, hlcToMs} from '../time/hlc.ts';
import {latestStorageTimeAt} from '../time/storage-clock.ts';
import {type Observation, type Place, type RuleContext, seenUntil} from './context.ts';
import {take} from './take.ts';
import type {Tombstone, TreeRead, TreeWrite} from './tree-store.ts';

/** As the agent of a tombstone: nobody knows what came after it better than others do. */
const nobody = -1;

/**
 * Deletions we still remember, so that a scan begun before the deletion cannot bring the file back.
 * A tombstone may go once it is older than the retention and no scan that began before it is running: sooner revives
 * files, later costs only space.
 *
 * Who told it knows what came after it, but only after its own: where another agent's deletion is not surely the earlier one,
 * the later moment of the two stays, and nobody's.
 */
export function buryAt(
  {txn, storageClock, agent}: RuleContext,
  {directory, name}: Place,
  {from, to}: Observation,
): void {
  const known = txn.tombstone(directory, name);
  const isOwn = !known || known.agent === agent || from >= known.deletedAt;
  const isKnownLater = known !== undefined && known.deletedAt > to;
  const latest = isKnownLater ? known : {deletedAt: to, storageTime: latestStorageTimeAt(storageClock, hlcToMs(to))};
  txn.putTombstone(directory, name, {...latest, agent: isOwn ? agent : nobody});
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
