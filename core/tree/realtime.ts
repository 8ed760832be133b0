import {type Attributes, compareTimes, type DirectoryNumber, type Entry, kinds, newEntryFrom} from '../entry/entry.ts';
import {isBelow, type Path, pathNames, rootPath} from '../entry/path.ts';
import type {DeleteEvent, MoveEvent, UpsertEvent} from '../protocol/events.ts';
import {type Hlc, hlcToMs} from '../time/hlc.ts';
import {earliestStorageTimeAt, latestStorageTimeAt} from '../time/storage-clock.ts';
import {makePlace, type Observation, type Place, type Resolved, type RuleContext, resolvePlace} from './context.ts';
import {doubt} from './doubts.ts';
import {canBeSuspect, watchSuspect} from './suspects.ts';
import {buryAt} from './tombstones.ts';
import {rootDirectory, type Tombstone, type TreeRead} from './tree-store.ts';

/**
 * What a watcher saw is authoritative for the moment at which it was observed.
 *
 * 1. Events of one agent count in the order in which they come.
 * 2. What another agent told of the same path gives way to an event that was surely observed later, or whose ctime proves it.
 * 3. Where the order is not known nothing changes, and the path is put among the doubts: the leader looks.
 */

/** True when the event counted. */
export function applyUpsert(context: RuleContext, event: UpsertEvent, observed: Observation): boolean {
  const {txn, agent} = context;
  const {path, attributes, isAtomic} = event;
  if (path === rootPath && attributes.kind !== kinds.directory) return false;
  const resolved = resolvePlace(txn, path);
  const stored = entryAt(txn, resolved);
  if (!mayStandAt(context, path, {resolved, stored, observed, attributes})) return doubt(context, path);

  const place = resolved.place ?? makePlace(context, path);
  const {directory, name} = place;
  if (stored && isOther(context, stored) && observed.from < lastLook(context, directory, stored)) {
    const isOlder = compareTimes(attributes.ctime, stored.ctime) <= 0;
    // A directory's own attributes follow what is in it.
    if (isOlder && (isSameVersion(attributes, stored) || isSameDirectory(attributes, stored))) return false;
    if (isOlder) return doubt(context, path);
  }
  const isReplaced = stored?.kind === kinds.directory && attributes.kind !== kinds.directory;
  if (isReplaced && isSeenBelowAfter(context, observed, stored)) return doubt(context, path);
  const isSuspect = !isAtomic && canBeSuspect(attributes);
  const entry = txn.put(directory, {
    ...newEntryFrom(name, attributes),
    realtimeAt: Math.max(observed.to, stored?.realtimeAt ?? 0),
    agent,
    isSuspect,
  });
  if (isSuspect && !stored?.isSuspect) watchSuspect(context, place, entry);
  confirm(context, place, stored);
  return true;
}

export function applyDelete(context: RuleContext, {path}: DeleteEvent, observed: Observation): boolean {
  const {txn} = context;
  if (path === rootPath) return false;
  const {place: known, missing} = resolvePlace(txn, path);
  // Gone with a parent that we know to be gone: there is nothing that a late scan could bring back.
  if (missing?.tombstone || missing?.blocker) return false;
  const stored = known && txn.entry(known.directory, known.name);
  if (!stored && isForgotten(context, observed)) return false;
  if (stored && !mayRemove(context, observed, known.directory, stored)) return doubt(context, path);
  if (stored && isRecentOfOther(context, observed, stored)) doubt(context, path);
  removeObserved(context, known ?? makePlace(context, path), observed);
  return true;
}

/** The attributes of what moved come with an upsert behind it. */
export function applyMove(context: RuleContext, {from, to}: MoveEvent, observed: Observation): boolean {
  const {txn, agent} = context;
  if (from === to || isBelow(to, from) || isBelow(from, to)) return false;
  const inDoubt = () => {
    doubt(context, from);
    return doubt(context, to);
  };
  const {place: known, missing} = resolvePlace(txn, from);
  const stored = known && txn.entry(known.directory, known.name);
  if (!stored && isForgotten(context, observed)) return inDoubt();
  if (stored && !mayRemove(context, observed, known.directory, stored)) return inDoubt();
  const resolved = resolvePlace(txn, to);
  const replaced = entryAt(txn, resolved);
  if (!mayStandAt(context, to, {resolved, stored: replaced, observed, attributes: undefined})) return inDoubt();
  // What is gone with its parent needs no tombstone, and no parent.
  const isGone = missing?.tombstone !== undefined || missing?.blocker !== undefined;
  const origin = known ?? (isGone ? undefined : makePlace(context, from));
  const target = makePlace(context, to);
  if (replaced && !mayRemove(context, observed, target.directory, replaced)) return inDoubt();
  if (!stored || !origin) {
    // The scan has not told us of it yet. What it will tell under the old name is out of date.
    if (replaced) removeObserved(context, target, observed);
    if (origin) buryAt(context, origin, observed);
    return true;
  }
  const moved = txn.move(origin, target, {realtimeAt: observed.to, agent, isBlindSpot: false})!;
  txn.removeBlindSpot(origin.directory, origin.name);
  buryAt(context, origin, observed);
  if (replaced?.kind === kinds.directory) buryAt(context, target, observed);
  txn.raise(origin.directory, {newestFoundAt: observed.to});
  if (moved.isSuspect) watchSuspect(context, target, moved);
  confirm(context, target, undefined);
  return true;
}

/** A name that a watcher saw alive is no blind spot. */
function confirm({txn}: RuleContext, {directory, name}: Place, stored: Entry | undefined): void {
  if (stored === undefined || stored.isBlindSpot) txn.removeBlindSpot(directory, name);
}

function removeObserved(context: RuleContext, place: Place, observed: Observation): void {
  context.txn.remove(place.directory, place.name);
  context.txn.removeBlindSpot(place.directory, place.name);
  context.txn.raise(place.directory, {newestFoundAt: observed.to});
  buryAt(context, place, observed);
}

type Standing = {
  resolved: Resolved;
  /** At the path itself. */
  stored: Entry | undefined;
  observed: Observation;
  attributes: Attributes | undefined;
};

function entryAt(txn: TreeRead, {place}: Resolved): Entry | undefined {
  return place && txn.entry(place.directory, place.name);
}

/** Whether deletions and what blocks the way leave room for something that was seen at a path. */
function mayStandAt(context: RuleContext, path: Path, {resolved, stored, observed, attributes}: Standing): boolean {
  if (isOfEarlierDirectory(context, path, observed, attributes)) return false;
  const {place, missing} = resolved;
  const {directory, name} = place ?? missing.at;
  const there = missing ? missing.blocker : stored;
  // A file was seen since what was there before it went.
  const isFile = there !== undefined && there.kind !== kinds.directory;
  const tombstone = isFile ? undefined : context.txn.tombstone(directory, name);
  if (tombstone) return isAfter(context, observed, tombstone, attributes);
  if (missing?.blocker) {
    return !isOther(context, missing.blocker) || observed.from >= lastLook(context, directory, missing.blocker);
  }
  return !isForgotten(context, observed) || there !== undefined;
}

/** Whether a directory on the way was deleted after the observation, and another one stands there now. */
function isOfEarlierDirectory(
  context: RuleContext,
  path: Path,
  observed: Observation,
  attributes: Attributes | undefined,
): boolean {
  const {txn, isOnlyAgent} = context;
  if (isOnlyAgent) return false; // what one agent tells is in order
  let directory: DirectoryNumber = rootDirectory;
  for (const name of pathNames(path).slice(0, -1)) {
    const next = txn.childDirectory(directory, name);
    if (next === 0) return false;
    const tombstone = txn.tombstone(directory, name);
    if (tombstone && !isAfter(context, observed, tombstone, attributes)) return true;
    directory = next;
  }
  return false;
}

/** So long ago that a deletion which came after it may be forgotten. */
function isForgotten({forgottenUntil}: RuleContext, {from}: Observation): boolean {
  return from < forgottenUntil;
}

/** Another agent's entry also stays when its ctime says that it was changed after the removal. */
function mayRemove(context: RuleContext, observed: Observation, directory: DirectoryNumber, stored: Entry): boolean {
  if (isSeenBelowAfter(context, observed, stored)) return false;
  if (!isOther(context, stored)) return true;
  if (observed.from < lastLook(context, directory, stored)) return false;
  return compareTimes(stored.ctime, latestStorageTimeAt(context.storageClock, hlcToMs(observed.to))) <= 0;
}

/** When an entry was last seen, by a watcher or by a listing of the directory that it stands in. */
function lastLook({txn}: RuleContext, directory: DirectoryNumber, stored: Entry): Hlc {
  const record = txn.directory(directory);
  return Math.max(stored.realtimeAt, record?.listedAt ?? 0, record?.partial?.evidence ?? 0);
}

/** Whether something below a directory was seen alive after the directory was seen to go, so that it must be another one. */
function isSeenBelowAfter(context: RuleContext, {from, to}: Observation, stored: Entry): boolean {
  const below = stored.directory === 0 || context.isOnlyAgent ? undefined : context.txn.directory(stored.directory);
  return below !== undefined && below.totals.newestRealtimeAt > (isOther(context, stored) ? from : to);
}

/** Changed so shortly before its removal that it may be another one than the one that was removed. */
function isRecentOfOther(context: RuleContext, {from}: Observation, stored: Entry): boolean {
  if (!isOther(context, stored)) return false;
  return compareTimes(stored.ctime, earliestStorageTimeAt(context.storageClock, hlcToMs(from))) > 0;
}

function isAfter(
  {agent}: RuleContext,
  {from, to}: Observation,
  tombstone: Tombstone,
  attributes: Attributes | undefined,
): boolean {
  if (attributes && compareTimes(attributes.ctime, tombstone.storageTime) > 0) return true;
  return (tombstone.agent === agent ? to : from) >= tombstone.deletedAt;
}

function isOther({agent}: RuleContext, stored: Entry): boolean {
  return stored.agent !== agent;
}

function isSameDirectory(attributes: Attributes, stored: Entry): boolean {
  return attributes.kind === kinds.directory && stored.kind === kinds.directory;
}

function isSameVersion(attributes: Attributes, stored: Entry): boolean {
  return (
    stored.hasAttributes &&
    attributes.kind === stored.kind &&
    attributes.size === stored.size &&
    compareTimes(attributes.ctime, stored.ctime) === 0
  );
}
