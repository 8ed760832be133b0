import {type Attributes, compareTimes, type Entry, kinds, newEntryFrom} from '../entry/entry.ts';
import type {SentinelEvent} from '../protocol/events.ts';
import type {Hlc} from '../time/hlc.ts';
import {isSeenBelow, type Place, type RuleContext, resolvePlace, seenUntil} from './context.ts';
import {settleDoubt} from './doubts.ts';
import {canBeSuspect} from './suspects.ts';
import {buryAt, isAfterDeletion} from './tombstones.ts';

/**
 * A suspect or a path in doubt, looked at again. Its attributes come from the storage, past every cache, so they count
 * against everything that was known before the look. But that a name is there, or is not, may come from a cache of names: of
 * that a look proves what a listing with the same evidence would.
 *
 * What a look changed counts as seen at its arrival, as if a watcher had told it: an older deletion does not take it away.
 * The list of suspects changes only when the suspect's time has come (`suspects.ts`).
 */
export function applySentinel(context: RuleContext, {path, evidence, attributes}: SentinelEvent): boolean {
  settleDoubt(context, path, evidence);
  const {place} = resolvePlace(context.txn, path);
  if (!place) return false;
  const stored = context.txn.entry(place.directory, place.name);
  if (!stored) return attributes !== undefined && add(context, place, evidence, attributes);
  if (stored.realtimeAt > evidence) return false;
  const isPossible = attributes?.kind === kinds.directory || !isSeenBelow(context, stored, evidence);
  if (!isPossible) return false;
  return attributes ? update(context, place, stored, attributes) : remove(context, place, stored, evidence);
}

function add(context: RuleContext, place: Place, evidence: Hlc, attributes: Attributes): boolean {
  const {txn, agent} = context;
  if (evidence < context.forgottenUntil) return false;
  const tombstone = txn.tombstone(place.directory, place.name);
  if (tombstone && !isAfterDeletion(context, tombstone, {evidence, ctime: attributes.ctime})) return false;
  txn.removeBlindSpot(place.directory, place.name);
  txn.put(place.directory, {...newEntryFrom(place.name, attributes), realtimeAt: context.now, agent});
  return true;
}

function update(context: RuleContext, place: Place, stored: Entry, attributes: Attributes): boolean {
  const isSame =
    stored.hasAttributes &&
    attributes.kind === stored.kind &&
    attributes.size === stored.size &&
    compareTimes(attributes.ctime, stored.ctime) === 0;
  if (isSame) return false;
  const isSuspect = stored.isSuspect && canBeSuspect(attributes);
  const {isBlindSpot} = stored;
  context.txn.put(place.directory, {
    ...newEntryFrom(place.name, attributes),
    realtimeAt: context.now,
    agent: context.agent,
    isSuspect,
    isBlindSpot,
  });
  return true;
}

function remove(context: RuleContext, place: Place, stored: Entry, evidence: Hlc): boolean {
  const {txn, agent, now} = context;
  const listedAt = txn.directory(place.directory)?.listedAt ?? 0;
  if (evidence < listedAt) return false; // a listing that arrived later has seen it
  const isOther = stored.agent !== agent;
  if (isOther && Math.max(stored.realtimeAt, listedAt) >= seenUntil(context, evidence)) return false;
  txn.remove(place.directory, place.name);
  txn.putBlindSpot(place.directory, place.name, 'deleted', now);
  txn.raise(place.directory, {newestFoundAt: now});
  buryAt(context, place, {from: evidence, to: evidence});
  return true;
}
