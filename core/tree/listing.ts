import type {ByteString} from '../entry/byte-string.ts';
import {type Attributes, compareTimes, type DirectoryNumber, type Entry, kinds, newEntryFrom} from '../entry/entry.ts';
import type {PackedCursor} from '../entry/packed.ts';
import {type Path, pathNames} from '../entry/path.ts';
import type {ListingEvent, ScanSource, UnreadableEvent} from '../protocol/events.ts';
import type {Hlc} from '../time/hlc.ts';
import {
  isSeenBelow,
  makeDirectory,
  makePlace,
  type Place,
  type RuleContext,
  resolvePlace,
  seenUntil,
} from './context.ts';
import {hotAt, watchSuspect} from './suspects.ts';
import {buryAt, isAfterDeletion} from './tombstones.ts';
import {
  type BlindSpotChange,
  type Decide,
  type DirectoryRecord,
  type NameRange,
  rootDirectory,
  type TreeRead,
  verdicts,
} from './tree-store.ts';

/**
 * A directory that was read completely (or a sorted range of it), compared with what is stored, name by name. The evidence
 * E of the listing proves: the agent looked after the view had processed everything up to E. But what it saw may come from
 * a cache that is up to `cache_window` old. A cache never goes back behind what the agent itself told before: so the window W
 * is 0 against what this agent told last, and `cache_window` against what another did.
 *
 * 1. A listing of a directory that was deleted, it or one above it, counts only when E is later than the deletion + W.
 * 2. A name that is not stored comes in, unless a tombstone stands there and it is not provably newer.
 * 3. A stored name takes what was listed when E is later than the last observation + W, else only with a later ctime.
 * 4. A stored name that was not listed goes only when E is later than the arrival of the last complete listing (evidence bounds
 *    a look from below, arrival from above: only so is the look surely the later one), and neither it nor
 *    anything below it was seen by a watcher, or found by the scan of another agent, later than E - W.
 * 5. A listing from before the oldest deletion that is surely remembered does not count at all.
 *
 * Returns whether the listing counted.
 */
export function applyListing(context: RuleContext, event: ListingEvent): boolean {
  const {txn, agent} = context;
  const directory = findListed(context, event, event.self);
  if (directory === undefined) return false;
  const record = txn.directory(directory)!;
  const range = {after: event.after, until: event.until};
  const foundGone = blindSpotsIn(txn, directory, change => change === 'deleted');
  const decide = decider(context, event, {directory, record, foundGone});
  let hasChanged = false;
  txn.merge(directory, range, event.entries, agent, (stored, listed) => {
    const verdict = decide(stored, listed);
    hasChanged ||= isChange(verdict, stored, listed);
    return verdict;
  });
  // An empty one has no entry that could tell when it was found.
  if (hasChanged || record.listedAt === 0) txn.raise(directory, {newestFoundAt: context.now});
  if (event.evidence >= record.listedAt) confirmDeletions(context, event, {directory, foundGone});
  txn.setDirectory(directory, reached(record, range, {evidence: event.evidence, now: context.now}));
  return true;
}

/** The directory exists and could not be looked into: nothing below it changes, and it is known to be incomplete. */
export function applyUnreadable(context: RuleContext, event: UnreadableEvent): boolean {
  const directory = findListed(context, event, undefined);
  if (directory === undefined) return false;
  context.txn.setDirectory(directory, {unreadable: event.error, partial: undefined});
  return true;
}

/**
 * The number of the directory that was looked into, made if nobody knew it; undefined when the look is out of date.
 * Its own attributes are taken as its parent's listing would take them.
 */
function findListed(
  context: RuleContext,
  {path, evidence}: {path: Path; evidence: Hlc},
  self: Attributes | undefined,
): DirectoryNumber | undefined {
  const {txn} = context;
  if (evidence < context.forgottenUntil || isOfDeletedDirectory(context, path, evidence)) return undefined;
  const {place: known, missing} = resolvePlace(txn, path);
  const look = {evidence, ctime: undefined};
  if (missing?.tombstone && !isAfterDeletion(context, missing.tombstone, look)) return undefined;
  if (missing?.blocker) {
    const listedAt = txn.directory(missing.at.directory)?.listedAt ?? 0;
    if (!isOutsideDoubt(context, evidence, missing.blocker, listedAt)) return undefined;
  }

  const place = known ?? makePlace(context, path);
  const stored = txn.entry(place.directory, place.name);
  if (stored) return updateListed(context, place, stored, evidence, self);
  const tombstone = txn.tombstone(place.directory, place.name);
  if (tombstone && !isAfterDeletion(context, tombstone, {evidence, ctime: self?.ctime})) return undefined;
  if (self === undefined) return makeDirectory(context, path);
  txn.removeBlindSpot(place.directory, place.name);
  // Who could look into it has seen it, not only its name: until a cache window has passed no list of names takes it away.
  const seen = {realtimeAt: evidence, agent: context.agent};
  return txn.put(place.directory, {...newEntryFrom(place.name, self), ...seen}).directory;
}

function updateListed(
  context: RuleContext,
  place: Place,
  stored: Entry,
  evidence: Hlc,
  self: Attributes | undefined,
): DirectoryNumber | undefined {
  const {txn, agent} = context;
  const listedAt = txn.directory(place.directory)?.listedAt ?? 0;
  const counts =
    isOutsideDoubt(context, evidence, stored, listedAt) ||
    !stored.hasAttributes ||
    (self !== undefined && compareTimes(self.ctime, stored.ctime) > 0);
  if (stored.directory === 0) {
    if (!counts || self === undefined) return undefined;
    return txn.put(place.directory, {...newEntryFrom(place.name, self), agent}).directory;
  }
  if (counts && self !== undefined && !hasAttributesOf(stored, self))
    txn.put(place.directory, {...stored, ...self, hasAttributes: true, agent});
  return stored.directory;
}

/**
 * A tombstone that stands at a directory which exists again. What was read before or shortly after the deletion may be the
 * old directory's; only the agent that itself saw the new one being made cannot mistake them.
 */
function isOfDeletedDirectory(context: RuleContext, path: Path, evidence: Hlc): boolean {
  const {txn, agent} = context;
  let directory: DirectoryNumber = rootDirectory;
  for (const name of pathNames(path)) {
    const next = txn.childDirectory(directory, name);
    if (next === 0) return false;
    const tombstone = txn.hasTombstones(directory) ? txn.tombstone(directory, name) : undefined;
    if (tombstone && !isAfterDeletion(context, tombstone, {evidence, ctime: undefined})) {
      const entry = txn.entry(directory, name)!;
      if (entry.agent !== agent || entry.realtimeAt < tombstone.deletedAt) return true;
    }
    directory = next;
  }
  return false;
}

/** A directory that was listed, as it was known before. */
type Listed = {
  directory: DirectoryNumber;
  record: Readonly<DirectoryRecord>;
  foundGone: ReadonlyMap<ByteString, Hlc>;
};

function decider(
  context: RuleContext,
  {source, evidence}: ListingEvent,
  {directory, record, foundGone}: Listed,
): Decide {
  const {txn, agent, now} = context;
  const {listedAt} = record;
  const hasTombstones = txn.hasTombstones(directory);
  const isLaterLook = evidence >= listedAt;
  const seenLimit = seenUntil(context, evidence);
  const isHot = hotAt(context);
  const place = (name: ByteString): Place => ({directory, name});
  let foundThere: ReadonlyMap<ByteString, Hlc> | undefined;

  function addition(listed: PackedCursor): number {
    const tombstone = hasTombstones ? txn.tombstone(directory, listed.name) : undefined;
    if (tombstone) {
      const ctime = listed.hasAttributes ? listed.ctime : undefined;
      if (!isAfterDeletion(context, tombstone, {evidence, ctime})) return verdicts.keep;
    }
    const isBlind = bringsBlindSpots(source);
    if (isBlind) txn.putBlindSpot(directory, listed.name, 'created', now);
    else if (foundGone.size > 0 && foundGone.has(listed.name)) txn.removeBlindSpot(directory, listed.name);
    return verdicts.take | suspicion(listed, false) | (isBlind ? verdicts.blindSpot : 0);
  }

  function comparison(stored: PackedCursor, listed: PackedCursor): number {
    if (!listed.hasAttributes) return verdicts.keep;
    if (isSameVersion(stored, listed)) return confirmation(stored);
    if (listed.kind !== kinds.directory && isSeenBelow(context, stored, evidence)) return verdicts.keep;
    const isOutside = isOutsideDoubt(context, evidence, stored, listedAt);
    const isNewer = compareCtimes(listed, stored) > 0;
    if (!isOutside && !isNewer && stored.hasAttributes) return verdicts.keep;
    // The attributes of a directory follow its entries, and these are marked themselves.
    const isDirectory = listed.kind === kinds.directory && stored.kind === kinds.directory;
    const isBlind = bringsBlindSpots(source) && stored.hasAttributes && !isDirectory;
    if (isBlind) txn.putBlindSpot(directory, listed.name, 'modified', now);
    const staysBlind = stored.isBlindSpot || isBlind;
    return verdicts.take | suspicion(listed, stored.isSuspect) | (staysBlind ? verdicts.blindSpot : 0);
  }

  /** Seen again as it is stored: a later look confirms what only a scan had seen. */
  function confirmation(stored: PackedCursor): number {
    if (!stored.isBlindSpot || !isLaterLook) return verdicts.keep;
    txn.removeBlindSpot(directory, stored.name);
    return verdicts.reflag | (stored.isSuspect ? verdicts.suspect : 0);
  }

  function absence(stored: PackedCursor): number {
    const wasSeen = stored.agent === agent ? stored.realtimeAt >= evidence : seenByOther(stored) >= seenLimit;
    if (!isLaterLook || wasSeen) return verdicts.keep;
    if (isSeenBelow(context, stored, evidence)) return verdicts.keep;
    txn.putBlindSpot(directory, stored.name, 'deleted', now);
    buryAt(context, place(stored.name), {from: evidence, to: evidence});
    return verdicts.remove;
  }

  /** When a watcher saw it last, or a scan found it so. */
  function seenByOther({realtimeAt, isBlindSpot, name}: PackedCursor): Hlc {
    if (!isBlindSpot) return realtimeAt;
    foundThere ??= blindSpotsIn(txn, directory, change => change !== 'deleted');
    return Math.max(realtimeAt, foundThere.get(name) ?? 0);
  }

  function suspicion(listed: PackedCursor, isSuspect: boolean): number {
    if (listed.kind !== kinds.file || !listed.hasAttributes) return 0;
    if (isSuspect) return verdicts.suspect;
    if (!isHot(listed.ctimeSeconds)) return 0;
    watchSuspect(context, place(listed.name), listed.toEntry());
    return verdicts.suspect;
  }

  return (stored, listed) => {
    if (!stored) return addition(listed!);
    return listed ? comparison(stored, listed) : absence(stored);
  };
}

/** Whether a name came, went or was written. The attributes of a directory follow its entries, which are listed themselves. */
function isChange(verdict: number, stored: PackedCursor | undefined, listed: PackedCursor | undefined): boolean {
  if (verdict & verdicts.remove) return true;
  return (verdict & verdicts.take) !== 0 && !(stored?.kind === kinds.directory && listed?.kind === kinds.directory);
}

/** The first snapshot finds everything; only what a later scan finds has escaped the watchers. */
function bringsBlindSpots(source: ScanSource): boolean {
  return source !== 'snapshot';
}

/** What a directory's record says after this range of a reading. */
function reached(
  {listedAt, partial}: Readonly<DirectoryRecord>,
  {after, until}: NameRange,
  {evidence, now}: {evidence: Hlc; now: Hlc},
): Partial<Pick<DirectoryRecord, 'listedAt' | 'unreadable' | 'partial'>> {
  const continues = after === undefined || (partial?.evidence === evidence && partial.until === after);
  if (!continues) return {};
  if (until !== undefined) return {partial: {evidence, until}};
  return {listedAt: Math.max(listedAt, now), unreadable: undefined, partial: undefined};
}

/** Whether a look is surely later than what is stored; `listedAt` is that of the directory it stands in. */
function isOutsideDoubt(
  context: RuleContext,
  evidence: Hlc,
  stored: {agent: number; realtimeAt: Hlc},
  listedAt: Hlc,
): boolean {
  const limit = stored.agent === context.agent ? evidence : seenUntil(context, evidence);
  return limit >= Math.max(stored.realtimeAt, listedAt);
}

/** Blind spots of some changes in a directory, and when each was found. */
function blindSpotsIn(
  txn: TreeRead,
  directory: DirectoryNumber,
  isOf: (change: BlindSpotChange) => boolean,
): Map<ByteString, Hlc> {
  const found = new Map<ByteString, Hlc>();
  for (const {name, change, foundAt} of txn.blindSpots({of: directory})) if (isOf(change)) found.set(name, foundAt);
  return found;
}

/** A later look that does not find what an earlier one had missed either: that it is gone is no blind spot any more. */
function confirmDeletions(
  {txn}: RuleContext,
  {after, until, evidence}: ListingEvent,
  {directory, foundGone}: Pick<Listed, 'directory' | 'foundGone'>,
): void {
  for (const [name, foundAt] of foundGone) {
    const isInRange = (after === undefined || name > after) && (until === undefined || name <= until);
    if (!isInRange || foundAt > evidence || txn.entry(directory, name) !== undefined) continue;
    txn.removeBlindSpot(directory, name);
  }
}

function hasAttributesOf(entry: Entry, attributes: Attributes): boolean {
  return (
    entry.hasAttributes &&
    entry.kind === attributes.kind &&
    entry.size === attributes.size &&
    compareTimes(entry.mtime, attributes.mtime) === 0 &&
    compareTimes(entry.ctime, attributes.ctime) === 0
  );
}

function isSameVersion(a: PackedCursor, b: PackedCursor): boolean {
  return (
    a.kind === b.kind &&
    a.hasAttributes &&
    a.size === b.size &&
    a.mtimeSeconds === b.mtimeSeconds &&
    a.mtimeNanos === b.mtimeNanos &&
    compareCtimes(a, b) === 0
  );
}

function compareCtimes(a: PackedCursor, b: PackedCursor): number {
  return a.ctimeSeconds - b.ctimeSeconds || a.ctimeNanos - b.ctimeNanos;
}
