import {kinds} from '../entry/entry.ts';
import type {Path} from '../entry/path.ts';
import type {FsEvent} from '../protocol/events.ts';

/**
 * An ordered queue of realtime events that knows which of them speak of a path, so that they can be folded (`fold.ts`). One in
 * memory (`memory-spool.ts`) is the pipe's queue, one on disk takes what has no room there.
 *
 * One pipe calls, in one turn at a time. It need not outlive the process: a pipe that starts has an empty one, and audits.
 */
export interface Spool {
  /** Events in it. */
  readonly count: number;
  /** What they take of the limit, about. */
  readonly bytes: number;
  /**
   * Runs a body that reads and changes it; of one turn, because it may be a transaction. Throws STORE_FULL when there is no room
   * for what it appended, and whatever the disk says: what is in it then is not known, and it is to be cleared.
   */
  change<T>(body: (rows: SpoolRows) => Sync<T>): T;
  /** The nearest directory in which everything happened that the events speak of; undefined: they speak of no path. Never throws. */
  directory(): Path | undefined;
  /** Throws everything away, and gives back the room. Afterwards it is as new. Never throws. */
  clear(): void;
  /** Nothing is called any more. */
  close(): void;
}

/** A transaction body is one turn long. */
type Sync<T> = T extends PromiseLike<unknown> ? never : T;

export interface SpoolRows {
  /** Events that are renames, and events that are gaps. */
  readonly renames: number;
  readonly gaps: number;
  /** Puts an event at the end. */
  append(event: FsEvent): void;
  /** Puts another event at the place of one. */
  replace(place: number, event: FsEvent): void;
  remove(place: number): void;
  read(place: number): FsEvent;
  /** The first events, in order: at most so many, and so many bytes of them, about, but at least one if there is any. */
  first(limit: {eventsMax: number; bytesMax: number}): {place: number; event: FsEvent}[];
  /** The events that speak of exactly this, in order. */
  at(key: Key): readonly Mention[];
  /** What is spoken of strictly below a path, in any order; undefined where that cannot be told (a very long path). */
  below(path: Path): Iterable<{path: Path; mentions: readonly Mention[]}> | undefined;
}

/** What an event speaks of: a path, or the source as a whole. Only paths begin with a slash. */
export type Key = Path | 'coverage' | 'availability';

/** How an event speaks of a key. `from` and `to` are the two ends of a rename, `file` is everything that is no directory. */
export const mentionKinds = [
  'file',
  'directory',
  'delete',
  'from',
  'to',
  'listing',
  'unreadable',
  'gap',
  'source',
] as const;
export type MentionKind = (typeof mentionKinds)[number];

/** Places grow from the front of the queue to its end. */
export type Mention = {place: number; kind: MentionKind};

/** What an event speaks of. Nothing for scan traffic: it is folded with nothing. */
export function mentionsOf(event: FsEvent): {key: Key; kind: MentionKind}[] {
  switch (event.kind) {
    case 'upsert':
      return [{key: event.path, kind: event.attributes.kind === kinds.directory ? 'directory' : 'file'}];
    case 'move':
      return [
        {key: event.from, kind: 'from'},
        {key: event.to, kind: 'to'},
      ];
    case 'delete':
    case 'listing':
    case 'unreadable':
      return [{key: event.path, kind: event.kind}];
    case 'phase':
      if (event.phase === 'gap') return [{key: event.path, kind: 'gap'}];
      if (event.phase === 'coverage') return [{key: 'coverage', kind: 'source'}];
      if (event.phase === 'available' || event.phase === 'unavailable') return [{key: 'availability', kind: 'source'}];
      return [];
    default:
      return [];
  }
}
