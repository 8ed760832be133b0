import type {ByteString} from '../entry/byte-string.ts';
import type {Attributes} from '../entry/entry.ts';
import type {Path} from '../entry/path.ts';
import type {Hlc} from '../time/hlc.ts';

/** What made an agent look: its watcher, the first scan, a scheduled scan, a scan that somebody asked for. */
export const messageSources = ['realtime', 'snapshot', 'audit', 'on_demand'] as const;
export type MessageSource = (typeof messageSources)[number];
export type ScanSource = Exclude<MessageSource, 'realtime'>;

/** What a scan has found so far. `unchanged`: directories that it looked at and skipped. */
export type ScanProgress = {directories: number; entries: number; unchanged?: number | undefined};

/** A moment on the agent's own monotonic clock, in milliseconds: only its distance from the batch's `sentAt` means anything. */
export type ObservedAt = number;

/** The path exists with these attributes. */
export type UpsertEvent = {
  kind: 'upsert';
  path: Path;
  attributes: Attributes;
  /** True when the writer has closed it. */
  isAtomic: boolean;
  observedAt: ObservedAt;
};

/** The path is gone, with everything below it: the watcher saw it go. */
export type DeleteEvent = {kind: 'delete'; path: Path; observedAt: ObservedAt};

/** A paired rename. What stood at `to` is replaced; a directory takes its whole subtree along. */
export type MoveEvent = {kind: 'move'; from: Path; to: Path; observedAt: ObservedAt};

/**
 * A directory, or one sorted range of it, read completely. The ranges of one reading follow each other: each begins
 * where the one before it ended, the first with `after` undefined, the last with `until` undefined.
 */
export type ListingEvent = {
  kind: 'listing';
  source: ScanSource;
  path: Path;
  /** The directory's own attributes, read before its names. */
  self: Attributes;
  /** Newest HLC value of the view that the agent had received before it began to look. */
  evidence: Hlc;
  /** Names in the range come after this one … */
  after: ByteString | undefined;
  /** … up to and including this one. */
  until: ByteString | undefined;
  /** A run (`core/entry/packed.ts`): all names in the range. */
  entries: Uint8Array;
};

/**
 * An audit looked at the directory itself and skipped it, because it is what it was when this session was told its listing:
 * says nothing about its children. There is one for nearly every directory of every audit, so it carries nothing else.
 */
export type UnchangedEvent = {kind: 'unchanged'; source: ScanSource; path: Path; evidence: Hlc};

/** The directory could not be read, or was not entered (`EXDEV`: another file system): protects everything below it. */
export type UnreadableEvent = {kind: 'unreadable'; source: ScanSource; path: Path; evidence: Hlc; error: string};

/** A suspect looked at again with fresh attributes; `attributes` is undefined when it was gone. */
export type SentinelEvent = {kind: 'sentinel'; path: Path; evidence: Hlc; attributes: Attributes | undefined};

/** What happens at the source as a whole. */
export type PhaseEvent = {kind: 'phase'} & (
  | {phase: 'scan_begin'; source: ScanSource; scan: string; path: Path}
  /** How far a scan is, about once a second, and when it ends. */
  | ({phase: 'scan_progress'; source: ScanSource; scan: string; path: Path} & ScanProgress)
  | {phase: 'scan_end'; source: ScanSource; scan: string; path: Path; isComplete: boolean; reason: string | undefined}
  /** The watcher may have missed changes below the path; a rescan follows. */
  | {phase: 'gap'; path: Path; reason: string}
  /** Directories watched, and directories known. */
  | {phase: 'coverage'; watched: number; known: number}
  | {phase: 'unavailable'; reason: string}
  | {phase: 'available'}
);

export type FsEvent =
  | UpsertEvent
  | DeleteEvent
  | MoveEvent
  | ListingEvent
  | UnchangedEvent
  | UnreadableEvent
  | SentinelEvent
  | PhaseEvent;

/** Events that overtake scan traffic at every queue. */
export type RealtimeEvent = UpsertEvent | DeleteEvent | MoveEvent;

export function isRealtime(event: FsEvent): event is RealtimeEvent {
  return event.kind === 'upsert' || event.kind === 'delete' || event.kind === 'move';
}
