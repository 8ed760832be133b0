import type {ByteString} from './byte-string.ts';

/** Kinds of entries; the numbers are stored and travel, so they never change. */
export const kinds = {file: 1, directory: 2, symlink: 3, other: 4} as const;
export type KindName = keyof typeof kinds;
export type Kind = (typeof kinds)[KindName];

export const kindNames = {1: 'file', 2: 'directory', 3: 'symlink', 4: 'other'} as const satisfies Record<
  Kind,
  KindName
>;

/** A point on a storage's own clock. `seconds` since 1970 is a whole number (of at most 40 bits), `nanos` 0 to 999,999,999. */
export type FileTime = {seconds: number; nanos: number};

export const zeroTime: FileTime = {seconds: 0, nanos: 0};

export function compareTimes(a: FileTime, b: FileTime): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}

/** What one look at an entry tells, without its name. `size` is in bytes. */
export type Attributes = {kind: Kind; size: number; mtime: FileTime; ctime: FileTime};

/** An entry as an agent sees it. */
export type ObservedEntry = Attributes & {
  name: ByteString;
  /** False when the name was listed but its attributes could not be read; times and size are then zero. */
  hasAttributes: boolean;
};

/** The number of a directory in one view. Given once, never changed by a rename, never given again. Below 2^48. */
export type DirectoryNumber = number;

/** An entry as a view knows it. */
export type Entry = ObservedEntry & {
  /** HLC of the last realtime observation of it; 0 if only scans have seen it. */
  realtimeAt: number;
  /** Number of the agent that last spoke of it, in the view's list of agents. */
  agent: number;
  /** Its content may still be changing: see `core/tree/suspects.ts`. */
  isSuspect: boolean;
  /** Nobody's watcher has seen it: only a scan after the first snapshot found it or its change. */
  isBlindSpot: boolean;
  /** The directory's own number; 0 for all other kinds. */
  directory: DirectoryNumber;
};

/** An entry that nothing but its attributes is known of. */
export function newEntryFrom(name: ByteString, attributes: Attributes): Entry {
  return {
    ...attributes,
    name,
    hasAttributes: true,
    realtimeAt: 0,
    agent: 0,
    isSuspect: false,
    isBlindSpot: false,
    directory: 0,
  };
}
