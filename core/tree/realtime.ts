import {compareTimes, type Entry, type FileTime, kinds, newEntryFrom} from '../entry/entry.ts';
import {isBelow, rootPath} from '../entry/path.ts';
import type {DeleteEvent, MoveEvent, UpsertEvent} from '../protocol/events.ts';
import {type Hlc, hlcToMs} from '../time/hlc.ts';
import {latestStorageTimeAt} from '../time/storage-clock.ts';
import {makePlace, type Place, type RuleContext, resolvePlace} from './context.ts';
import {canBeSuspect, watchSuspect} from './suspects.ts';
import {buryAt} from './tombstones.ts';
import type {Tombstone} from './tree-store.ts';

/**
 * What a watcher saw is authoritative for the moment at which it was observed. `observedAt` is that moment on the view's
 * clock, and within one session it never goes back.
 *
 * 1. Events of one agent count in the order in which they come.
 * 2. An event that was observed before what another agent told of the same path counts only where the ctime proves it.
 */
type Realtime<Event> = Omit<Event, 'observedAt'> & {observedAt: Hlc};

/** True when the event counted. */
export function applyUpsert(context: RuleContext, event: Realtime<UpsertEvent>): boolean {
  const {txn, agent} = context;
  const {path, attributes, observedAt, isAtomic} = event;
  if (path === rootPath && attributes.kind !== kinds.directory) return false;
  const {missing} = resolvePlace(txn, path);
  if (missing?.tombstone && !isAfter(missing.tombstone, observedAt, attributes.ctime)) return false;
  if (missing?.blocker && isEarlier(context, observedAt, missing.blocker)) return false;

  const place = makePlace(context, path);
  const {directory, name} = place;
  const tombstone = txn.tombstone(directory, name);
  if (tombstone && !isAfter(tombstone, observedAt, attributes.ctime)) return false;
  const stored = txn.entry(directory, name);
  if (stored && isEarlier(context, observedAt, stored) && compareTimes(attributes.ctime, stored.ctime) <= 0)
    return false;

  const isSuspect = !isAtomic && canBeSuspect(attributes);
  const entry = txn.put(directory, {
    ...newEntryFrom(name, attributes),
    realtimeAt: Math.max(observedAt, stored?.realtimeAt ?? 0),
    agent,
    isSuspect,
  });
  if (isSuspect && !stored?.isSuspect) watchSuspect(context, place, entry);
  confirm(context, place, entry, stored);
  return true;
}

export function applyDelete(context: RuleContext, {path, observedAt}: Realtime<DeleteEvent>): boolean {
  const {txn} = context;
  if (path === rootPath) return false;
  const {missing} = resolvePlace(txn, path);
  // Gone with a parent that we know to be gone: there is nothing that a late scan could bring back.
  if (missing?.tombstone || missing?.blocker) return false;
  const place = makePlace(context, path);
  const stored = txn.entry(place.directory, place.name);
  if (stored && !mayRemove(context, observedAt, stored)) return false;
  removeObserved(context, place, observedAt);
  return true;
}

/** The attributes of what moved come with an upsert behind it. */
export function applyMove(context: RuleContext, {from, to, observedAt}: Realtime<MoveEvent>): boolean {
  const {txn, agent} = context;
  if (from === to || isBelow(to, from) || isBelow(from, to)) return false;
  const origin = makePlace(context, from);
  const stored = txn.entry(origin.directory, origin.name);
  if (stored && !mayRemove(context, observedAt, stored)) return false;

  const target = makePlace(context, to);
  const replaced = txn.entry(target.directory, target.name);
  if (replaced && !mayRemove(context, observedAt, replaced)) return false;
  if (!stored) {
    // The scan has not told us of it yet. What it will tell under the old name is out of date.
    if (replaced) removeObserved(context, target, observedAt);
    buryAt(context, origin, observedAt);
    return true;
  }
  const moved = txn.move(origin, target, {realtimeAt: observedAt, agent, isBlindSpot: false})!;
  txn.removeBlindSpot(origin.directory, origin.name);
  buryAt(context, origin, observedAt);
  if (moved.isSuspect) watchSuspect(context, target, moved);
  confirm(context, target, moved, undefined);
  return true;
}

/**
 * A name that a watcher saw alive needs no tombstone and is no blind spot. Only the tombstone of a directory stays: a
 * listing that began before the deletion speaks of the directory that is gone.
 */
function confirm({txn}: RuleContext, {directory, name}: Place, entry: Entry, stored: Entry | undefined): void {
  if (entry.kind !== kinds.directory) txn.removeTombstone(directory, name);
  if (stored === undefined || stored.isBlindSpot) txn.removeBlindSpot(directory, name);
}

function removeObserved(context: RuleContext, place: Place, observedAt: Hlc): void {
  context.txn.remove(place.directory, place.name);
  context.txn.removeBlindSpot(place.directory, place.name);
  buryAt(context, place, observedAt);
}

/** Another agent's entry also stays when its ctime says that it was changed after the removal. */
function mayRemove(context: RuleContext, observedAt: Hlc, stored: Entry): boolean {
  if (stored.agent === context.agent) return true;
  if (observedAt < stored.realtimeAt) return false;
  return compareTimes(stored.ctime, latestStorageTimeAt(context.storageClock, hlcToMs(observedAt))) <= 0;
}

function isAfter(tombstone: Tombstone, observedAt: Hlc, ctime: FileTime): boolean {
  return observedAt >= tombstone.deletedAt || compareTimes(ctime, tombstone.storageTime) > 0;
}

function isEarlier({agent}: RuleContext, observedAt: Hlc, stored: Entry): boolean {
  return stored.agent !== agent && observedAt < stored.realtimeAt;
}
