import type {Attributes} from '../entry/entry.ts';
import type {Path} from '../entry/path.ts';
import type {FsEvent, ScanProgress, ScanSource} from '../protocol/events.ts';
import type {Unreached} from '../protocol/sync-point.ts';
import type {Hlc} from '../time/hlc.ts';

/**
 * An event on its way to the bus. What a scan found is bound to a directory, not to a path: while it waits, realtime events
 * overtake it, and one of them may rename the directory. So a listing's path is asked for only when it is put into a
 * batch, at which moment all realtime events emitted so far stand before it in the stream.
 */
export type SourceEvent = FsEvent | DeferredEvent;

export type DeferredEvent = {
  kind: 'deferred';
  /** Bytes it takes in memory, about. */
  byteLength: number;
  /** The event with the path that is right now, or undefined when it no longer means anything (its directory is gone). */
  resolve(): FsEvent | undefined;
};

export interface EventSink {
  /** Takes a realtime or phase event. Never blocks: the sink coalesces, and a watcher must go on draining the kernel. */
  emit(event: FsEvent): void;
  /** Takes scan traffic. Resolves when there is room for more: the scan waits for it, which is how it is held back. */
  offer(event: SourceEvent): Promise<void>;
  /** Newest HLC value of the view that has been received: the evidence for a look that begins now. */
  evidence(): Hlc;
  /** The agent's monotonic clock in milliseconds: the `observedAt` of an event. */
  now(): number;
}

export type ScanRequest = {
  source: ScanSource;
  path: Path;
  /**
   * False lets it skip directories that are what they were when this source last offered their listing: one `unchanged` each.
   * Only for a view that was given those listings, in the same session and as its leader.
   */
  isFull: boolean;
  signal: AbortSignal;
  onProgress?: (progress: ScanProgress) => void;
  /** False: only the directory itself. Default: everything below it, too. */
  isRecursive?: boolean;
};

/** `isComplete` is false when a part could not be read or the scan was stopped; what it listed counts all the same. */
export type ScanResult = {
  isComplete: boolean;
  /** Looked at: those that were read, could not be read, or were skipped. */
  directories: number;
  entries: number;
  unreadable: number;
  /** Skipped. */
  unchanged: number;
  reason?: string;
  /** The path is not a directory that the source knows: nothing was looked at. A listing of the one above makes it known. */
  isUnknown?: boolean;
};

/** Of a scan that has looked at nothing yet. */
export const emptyResult: Readonly<ScanResult> = {
  isComplete: true,
  directories: 0,
  entries: 0,
  unreadable: 0,
  unchanged: 0,
};

export type SourceStatus = {
  isAvailable: boolean;
  reason: string | undefined;
  watched: number;
  known: number;
  /** Times that the kernel's queue overflowed. */
  overflows: number;
};

/**
 * Where a pipe's data comes from. One source feeds one pipe. Calls: `open` once; then `scan` and `look` at any time, also
 * overlapping with each other (a manual scan beside an audit); `close` once, which stops everything under way.
 * What is normal for one path (unreadable, vanished, changed while read) is data or nothing, never a rejection. A
 * rejection means that the source as a whole cannot work; the pipe reports it and is restarted.
 */
export interface Source {
  /** Starts watching: when it resolves, no later change below a watched directory is missed. Throws SOURCE_UNUSABLE. */
  open(sink: EventSink): Promise<void>;
  /** Lists everything below a path, adding watches on the way, each before its directory is listed. */
  scan(request: ScanRequest): Promise<ScanResult>;
  /** Looks at paths again with attributes that no cache may answer. Undefined: it is gone. Paths that fail are left out. */
  look(paths: readonly Path[]): Promise<Map<Path, Attributes | undefined>>;
  /**
   * Resolves when every change made before the call has been emitted to the sink: all events of the kernel up to now
   * have been read, looked at, and handed over, with all that new directories hold. Changes that follow do not hold it up. To why
   * that cannot be said of every change, if it cannot: at once while the source is not available, and as well as it can
   * otherwise. What scans have read and offered counts as emitted.
   */
  settle(): Promise<Unreached | undefined>;
  status(): SourceStatus;
  close(): Promise<void>;
}
