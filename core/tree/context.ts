import type {ByteString} from '../entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kinds, zeroTime} from '../entry/entry.ts';
import {type Path, pathNames} from '../entry/path.ts';
import {type Hlc, shiftHlc} from '../time/hlc.ts';
import type {StorageClock} from '../time/storage-clock.ts';
import {aboveRoot, rootDirectory, rootName, type Tombstone, type TreeWrite} from './tree-store.ts';

/** The settings of a view that its rules need. */
export type TreeSettings = {hotFileThresholdMs: number; cacheWindowMs: number; tombstoneRetentionMs: number};

/**
 * What every rule is given. Rules read no clock, no randomness and nothing else from outside, so the same batches with the
 * same arrival times give the same tree.
 */
export type RuleContext = {
  txn: TreeWrite;
  settings: TreeSettings;
  /** The view's clock for this batch. */
  now: Hlc;
  /** The number of the agent that speaks. */
  agent: number;
  /** No other agent ever spoke, so whatever a watcher saw, this one saw. */
  isOnlyAgent: boolean;
  /** Deletions from before this moment may be forgotten. */
  forgottenUntil: Hlc;
  run: EngineRun;
  storageClock: StorageClock;
};

/**
 * The view's clock when this engine started, and the last value that the one before it gave. In between nobody knows how much
 * time passed: the wall clock that a start looks at may have been set.
 */
export type EngineRun = {since: Hlc; before: Hlc};

/** One that has always been there. */
export const onlyRun: EngineRun = {since: 0, before: 0};

/**
 * A look with this evidence shows what was there at this moment or later, whatever a cache says. The window counts only time in
 * which an engine ran.
 */
export function seenUntil({settings, run}: Pick<RuleContext, 'settings' | 'run'>, evidence: Hlc): Hlc {
  return ranBefore(evidence, settings.cacheWindowMs, evidence >= run.since ? [run] : []);
}

/** The moment from which on, up to another one, engines ran for so long; `runs` began before that one, oldest first. */
export function ranBefore(moment: Hlc, ms: number, runs: readonly EngineRun[]): Hlc {
  return runs.reduceRight(
    (limit, {since, before}) => (limit < since ? Math.max(0, limit - (since - before)) : limit),
    shiftHlc(moment, -ms),
  );
}

/**
 * Whether something below a directory was seen too lately for it to be gone: a watcher saw it (whose observation was the newest is
 * not known), or it was read itself by a look that arrived after this one began.
 */
export function isSeenBelow(context: RuleContext, {directory}: {directory: DirectoryNumber}, evidence: Hlc): boolean {
  const below = directory === 0 ? undefined : context.txn.directory(directory);
  if (!below) return false;
  const limit = context.isOnlyAgent ? evidence : seenUntil(context, evidence);
  return below.listedAt > evidence || below.totals.newestRealtimeAt >= limit;
}

/** When a watcher saw something, on the view's clock: between these two. */
export type Observation = {
  /** What the agent had heard of the view's clock before, plus the time that passed since. */
  from: Hlc;
  /** The arrival minus the event's age: later than the truth by what the batch took on its way. */
  to: Hlc;
};

/** Where an entry is: the directory that holds it, and its name there. The root is the empty name above the root. */
export type Place = {directory: DirectoryNumber; name: ByteString};

/** Directories on the way to a path that do not exist yet. */
export type Missing = {
  /** The last directory that exists, and the name in it from which on nothing does. */
  at: Place;
  /** The deletion at that name, if it is remembered. */
  tombstone: Tombstone | undefined;
  /** Something else than a directory stands there. */
  blocker: Entry | undefined;
};

export type Resolved = {place: Place; missing: undefined} | {place: undefined; missing: Missing};

/** The place of a path; its parent must be known, the entry itself need not be. */
export function resolvePlace(txn: TreeWrite, path: Path): Resolved {
  const names = pathNames(path);
  const name = names.pop();
  if (name === undefined) return {place: {directory: aboveRoot, name: rootName}, missing: undefined};
  let directory = rootDirectory;
  for (const step of names) {
    const next = txn.childDirectory(directory, step);
    if (next === 0) {
      const at = {directory, name: step};
      const missing = {at, tombstone: txn.tombstone(directory, step), blocker: txn.entry(directory, step)};
      return {place: undefined, missing};
    }
    directory = next;
  }
  return {place: {directory, name}, missing: undefined};
}

/**
 * The place of a path, with the directories on the way made where they are missing: somebody looked into them, so they
 * exist, and their own attributes will come with their parents' listings.
 */
export function makePlace(context: RuleContext, path: Path): Place {
  const names = pathNames(path);
  const name = names.pop();
  if (name === undefined) return {directory: aboveRoot, name: rootName};
  return {directory: makeDirectories(context, names), name};
}

/** The number of the directory at a path, made with all above it where missing. */
export function makeDirectory(context: RuleContext, path: Path): DirectoryNumber {
  return makeDirectories(context, pathNames(path));
}

function makeDirectories({txn, agent}: RuleContext, names: readonly ByteString[]): DirectoryNumber {
  let directory = rootDirectory;
  for (const name of names) {
    const known = txn.childDirectory(directory, name);
    if (known === 0) txn.removeBlindSpot(directory, name);
    directory = known !== 0 ? known : txn.put(directory, unseenDirectory(name, agent)).directory;
  }
  return directory;
}

function unseenDirectory(name: ByteString, agent: number): Entry {
  return {
    name,
    kind: kinds.directory,
    size: 0,
    mtime: zeroTime,
    ctime: zeroTime,
    hasAttributes: false,
    realtimeAt: 0,
    agent,
    isSuspect: false,
    isBlindSpot: false,
    directory: 0,
  };
}
