import type {ByteString} from '../entry/byte-string.ts';
import type {DirectoryNumber, Entry, FileTime} from '../entry/entry.ts';
import type {PackedCursor} from '../entry/packed.ts';
import type {Hlc} from '../time/hlc.ts';
import type {LoggedChange} from './changes.ts';

/**
 * The seam between the rules (who is right: `core/tree`), the queries (`core/query`) and what keeps a view's tree
 * (`store/tree-store.ts` on LMDB, `test/lib/memory-tree.ts` for tests).
 *
 * Directories have numbers. Number 0 is the place above the root: its only entry has the empty name and is the root,
 * which is directory 1 and always exists. An entry belongs to a directory; a directory's own attributes are in the
 * entry that its parent has of it, everything else in its `DirectoryRecord`.
 */
export const aboveRoot: DirectoryNumber = 0;
export const rootDirectory: DirectoryNumber = 1;
export const rootName = '' as ByteString;

/**
 * Sums over everything below a directory, at any depth, itself not included. Kept exact by the store. So all below a
 * directory is known when it is listed and readable itself, and `unlisted` and `unreadable` are 0.
 */
export type Totals = {
  files: number;
  directories: number;
  /** Symbolic links and everything else. */
  others: number;
  /** Sum of the sizes of files. */
  bytes: number;
  /**
   * Directories that no complete listing has reached yet (`listedAt` 0), whether they could be read or not. Other file
   * systems that are not entered (`EXDEV`) count neither here nor as unreadable.
   */
  unlisted: number;
  /** Directories whose last reading failed, listed before or not. */
  unreadable: number;
  suspects: number;
  blindSpots: number;
  /**
   * High-water mark of the change times (ctime) of what is or was below: when the newest change was. It never goes back, also
   * not when the newest entry goes. A deletion is in the ctime of the directory that it was in.
   */
  newestChange: FileTime;
  /** High-water mark of `realtimeAt` of all that is or was below: what realtime has seen, a listing may not delete. */
  newestRealtimeAt: Hlc;
  /**
   * High-water mark of when, on the view's clock, the tree last changed here without leaving an entry that a watcher has just seen:
   * by a deletion, a rename away, or what a scan found. With `newestRealtimeAt` it bounds when the newest change below was told.
   * 0 in what only a program wrote that did not keep it yet.
   */
  newestFoundAt: Hlc;
  /**
   * Of the newest change below, by the store's own count: of an entry, or of whether a directory is listed and readable, this
   * one included. It never comes again within the store (`storeId`), so as long as it is the same, so is all below.
   */
  version: number;
};

/** What of the totals never goes back. */
export type Marks = Pick<Totals, 'newestChange' | 'newestRealtimeAt' | 'newestFoundAt'>;

export type DirectoryRecord = {
  number: DirectoryNumber;
  parent: DirectoryNumber;
  name: ByteString;
  /** When the last complete listing that counted arrived, on the view's clock; 0 if none. */
  listedAt: Hlc;
  /** Why it could not be read the last time, or undefined. `EXDEV`: not entered, another file system; counts as listed. */
  unreadable: string | undefined;
  /** A listing in ranges that has begun: its evidence, and the name up to which it has come. */
  partial: {evidence: Hlc; until: ByteString} | undefined;
  /** As `totals.version`, of the entries that are directly in it. */
  ownVersion: number;
  totals: Totals;
};

/** A deletion that is remembered, so that a scan begun before it cannot bring the entry back. */
export type Tombstone = {
  deletedAt: Hlc;
  /** The deletion's time on the storage's clock, rounded up. */
  storageTime: FileTime;
  /** The number of the agent that told it; -1 where that is not known, or several did in an order that is not. */
  agent: number;
};

export type Suspect = {directory: DirectoryNumber; name: ByteString; size: number; ctime: FileTime};

/** Where a row of suspects stands in their order. */
export type SuspectPlace = {expiresAt: Hlc; directory: DirectoryNumber; name: ByteString};

export type BlindSpotChange = 'created' | 'modified' | 'deleted';

/**
 * Names of interest: those that have all parts of one of the alternatives, wherever in them, letters of ASCII in either case.
 * An alternative without parts is every name.
 */
export type NameParts = readonly (readonly ByteString[])[];

/** Reads one consistent snapshot. Valid only until the transaction's body returns. */
export interface TreeRead {
  /**
   * What tells this store from any other, also from one that is made anew in its place: numbers of changes mean something only
   * with it. Letters, digits, `-` and `_`; empty where there is no store that can be read.
   */
  storeId(): string;
  /**
   * Tells this snapshot from all others of the same reader: where it is the same, nothing at all was written in between, and all
   * that is read is the same. Undefined where nobody knows.
   */
  snapshotId(): string | undefined;
  /** Number of the last change of the tree: grows by one with each entry that is written, moved or removed. */
  seq(): number;
  /** The log of changes holds all that are behind this `seq`, and none before it. */
  changesFrom(): number;
  /** The changes behind a `seq`, in order. Those that nobody can see (only who spoke of an entry, or when) are not logged. */
  changes(since: number): Iterable<LoggedChange>;
  entry(directory: DirectoryNumber, name: ByteString): Entry | undefined;
  /** The number of the directory that an entry is; 0 if it is something else, or nothing. */
  childDirectory(directory: DirectoryNumber, name: ByteString): DirectoryNumber;
  /** Undefined for a directory that does not exist (any more). A copy: it does not follow what is written later. */
  directory(directory: DirectoryNumber): Readonly<DirectoryRecord> | undefined;
  /**
   * Sorted runs that together hold all entries of a directory. With `from`, begins with the run that `from` would be in,
   * which may begin before it. A run may be memory that changes when the transaction ends: copy what must stay.
   */
  runs(directory: DirectoryNumber, from?: ByteString): Iterable<Uint8Array>;
  /**
   * The runs of all directories, by their numbers, in the order of names; beginning with the run that `from` would be in. Some
   * may be of directories that nothing leads to any more (`collect`). With `parts`, those in which no name is of interest may be
   * missing, and empty ones stand for some that are.
   */
  allRuns(
    from?: {directory: DirectoryNumber; name: ByteString},
    parts?: NameParts,
  ): Iterable<{directory: DirectoryNumber; run: Uint8Array}>;
  tombstone(directory: DirectoryNumber, name: ByteString): Tombstone | undefined;
  hasTombstones(directory: DirectoryNumber): boolean;
  /** All, or those behind a place, by directory and name. */
  tombstones(after?: {
    directory: DirectoryNumber;
    name: ByteString;
  }): Iterable<Tombstone & {directory: DirectoryNumber; name: ByteString}>;
  /** Suspects whose time comes at or before `until`, or all; earliest first, those behind a place if one is given. */
  suspects(until?: Hlc, after?: SuspectPlace): Iterable<Suspect & {expiresAt: Hlc}>;
  /** All, by directory and name: those of one directory, or those behind a place, if one is given. */
  blindSpots(range?: {
    of?: DirectoryNumber;
    after?: {directory: DirectoryNumber; name: ByteString} | undefined;
  }): Iterable<{directory: DirectoryNumber; name: ByteString; change: BlindSpotChange; foundAt: Hlc}>;
  /** A small named value (clock, sessions, phases …), a plain JSON-like object. */
  state<T>(name: string): T | undefined;
  /** All states whose name begins so. */
  states<T>(prefix: string): Iterable<{name: string; value: T}>;
}

/** What happens with one name of a listing; `suspect` and `blindSpot` may be added to `take` and `reflag`. */
export const verdicts = {
  /** Nothing: what is stored stays, what is not stored stays out. */
  keep: 0,
  /** The stored entry goes, with its subtree. */
  remove: 1,
  /**
   * The listed attributes count. `realtimeAt` stays; a directory that stays one keeps its number and subtree; one
   * that was something else gets a new number; what was a directory and is not one any more loses its subtree.
   */
  take: 2,
  /** The stored attributes stay, its two flags become those of the verdict. */
  reflag: 4,
  suspect: 0x08,
  blindSpot: 0x10,
} as const;

/**
 * Asked once for each name that is stored, listed or both, in byte order. The cursors stand at that name and may only be
 * read during the call. Must not write to the tree's entries; other tables may be written.
 */
export type Decide = (stored: PackedCursor | undefined, listed: PackedCursor | undefined) => number;

export type NameRange = {after: ByteString | undefined; until: ByteString | undefined};

/** One write transaction. All of it becomes visible and durable together, or nothing does. */
export interface TreeWrite extends TreeRead {
  /**
   * Writes an entry under its name. A directory given with number 0 keeps the number that stands there, or gets a new
   * one. What was a directory and is replaced by something else, or by a directory of another number, loses its subtree.
   */
  put(directory: DirectoryNumber, entry: Entry): Entry;
  /**
   * Removes an entry and, of a directory, all below it. Undefined if there is none. Takes no longer for a large subtree: the
   * directory itself is gone at once, what was below it is only out of reach, until `collect` has freed it all, with its
   * tombstones and blind spots. Till then the numbers of directories below it may still answer, and nothing leads to them.
   * Rows of suspects stay until somebody removes them: one whose entry is gone means nothing.
   */
  remove(directory: DirectoryNumber, name: ByteString): Entry | undefined;
  /**
   * Compares a sorted run with the stored names in a range and does what `decide` says. Taking what is stored already changes
   * nothing. Throws if a listed name is outside the range.
   */
  merge(directory: DirectoryNumber, range: NameRange, listed: Uint8Array, agent: number, decide: Decide): void;
  /**
   * Re-links an entry under another name: the same node with the same subtree. What stood at the new place is removed first.
   * `changes` are applied on the way. Undefined if there is no such entry. Throws if a directory would come below itself.
   */
  move(
    from: {directory: DirectoryNumber; name: ByteString},
    to: {directory: DirectoryNumber; name: ByteString},
    changes: Partial<Pick<Entry, 'realtimeAt' | 'agent' | 'isBlindSpot' | 'isSuspect'>>,
  ): Entry | undefined;
  /** Changes what is remembered of a directory; totals follow. */
  setDirectory(
    directory: DirectoryNumber,
    changes: Partial<Pick<DirectoryRecord, 'listedAt' | 'unreadable' | 'partial'>>,
  ): void;
  /** Raises the high-water marks of a directory and all above it, for a change that leaves no entry (a deletion). */
  raise(directory: DirectoryNumber, marks: Partial<Marks>): void;
  putTombstone(directory: DirectoryNumber, name: ByteString, tombstone: Tombstone): void;
  removeTombstone(directory: DirectoryNumber, name: ByteString): void;
  putSuspect(expiresAt: Hlc, suspect: Suspect): void;
  removeSuspect(expiresAt: Hlc, directory: DirectoryNumber, name: ByteString): void;
  putBlindSpot(directory: DirectoryNumber, name: ByteString, change: BlindSpotChange, foundAt: Hlc): void;
  removeBlindSpot(directory: DirectoryNumber, name: ByteString): void;
  putState(name: string, value: unknown): void;
  removeState(name: string): void;
  /**
   * Keeps house: frees up to `blocks` blocks of removed subtrees, or catches up with so much of what an older program did not
   * keep. False when nothing is left to do.
   */
  collect(blocks: number): boolean;
}

type Sync<T> = T extends PromiseLike<unknown> ? never : T;

/** A view's tree, opened by its engine (the only writer) or by a gateway. */
export interface TreeReader {
  /** Runs `body` on one snapshot. Keep it short: a snapshot that stays open pins freed pages. */
  read<T>(body: (txn: TreeRead) => Sync<T>): Sync<T>;
  close(): Promise<void>;
}

export interface TreeStore extends TreeReader {
  /** Runs `body` and commits. Resolves when the commit is durable. If `body` throws, nothing of it remains. */
  write<T>(body: (txn: TreeWrite) => Sync<T>): Promise<Sync<T>>;
}
