import {compareTimes, newEntryFrom} from '../entry/entry.ts';
import type {SentinelEvent} from '../protocol/events.ts';
import {type RuleContext, resolvePlace} from './context.ts';
import {canBeSuspect} from './suspects.ts';
import {buryAt} from './tombstones.ts';

/**
 * A suspect looked at again, past every cache. So it counts against everything that was known before the look; what was
 * observed later stands. The list itself changes only when the suspect's time has come (`suspects.ts`).
 */
export function applySentinel(context: RuleContext, {path, evidence, attributes}: SentinelEvent): boolean {
  const {txn, agent} = context;
  const {place} = resolvePlace(txn, path);
  const stored = place && txn.entry(place.directory, place.name);
  if (!stored || stored.realtimeAt > evidence || stored.directory !== 0) return false;
  if (attributes === undefined) {
    txn.remove(place.directory, place.name);
    txn.putBlindSpot(place.directory, place.name, 'deleted', context.now);
    buryAt(context, place, evidence);
    return true;
  }
  if (attributes.kind === stored.kind && attributes.size === stored.size) {
    if (compareTimes(attributes.ctime, stored.ctime) === 0) return false;
  }
  const isSuspect = stored.isSuspect && canBeSuspect(attributes);
  const {realtimeAt, isBlindSpot} = stored;
  txn.put(place.directory, {...newEntryFrom(place.name, attributes), realtimeAt, agent, isSuspect, isBlindSpot});
  return true;
}
