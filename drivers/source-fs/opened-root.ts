import type {SourceConfig} from '../../core/config/schema.ts';
import {pathNames} from '../../core/entry/path.ts';
import {type EventSink, emptyResult, type ScanRequest, type ScanResult} from '../../core/source/source.ts';
import {Ages} from './ages.ts';
import {DirectoryReads} from './directory-reads.ts';
import {DirtyNames} from './dirty-names.ts';
import {createExclude} from './exclude.ts';
import {Inotify, type OpenThread, watchMask} from './inotify.ts';
import {KernelEvents} from './kernel-events.ts';
import {Libc} from './libc.ts';
import {Looker} from './looker.ts';
import {Looks} from './looks.ts';
import {PendingMoves} from './moves.ts';
import {Scan} from './scan.ts';
import type {FoundRoot} from './serve-looks.ts';
import {StorageTime} from './storage-time.ts';
import {Walkers} from './walkers.ts';
import {type Node, WatchTree} from './watch-tree.ts';

/** A directory that is made and removed without end is never told. */
const toldWithinMs = 30_000;

export type OpenedRootParts = {
  found: FoundRoot;
  openThread: OpenThread;
  sink: EventSink;
  /** The root does not answer, or is not what was opened. */
  onRootLost: () => void;
  onOverflow: () => void;
  onUnmount: () => void;
  onFailure: (error: Error) => void;
};

/**
 * Everything that hangs on one root: when another directory takes its place, all of this is closed and made anew. Throws
 * SOURCE_UNUSABLE.
 */
export class OpenedRoot {
  readonly looker: Looker;
  readonly tree: WatchTree;
  readonly #config: SourceConfig;
  readonly #sink: EventSink;
  readonly #closing = new AbortController();
  readonly #inotify: Inotify;
  readonly #walkers: Walkers;
  readonly #ages = new Ages();
  readonly #dirty = new DirtyNames(this.#ages);
  readonly #reads: DirectoryReads;
  readonly #events: KernelEvents;
  readonly #looks: Looks;

  constructor(config: SourceConfig, parts: OpenedRootParts) {
    const {found, openThread, sink, onRootLost, onOverflow, onUnmount, onFailure} = parts;
    this.#config = config;
    this.#sink = sink;
    const {root, device} = found;
    const tree = new WatchTree({identity: root.identity, device});
    const dirty = this.#dirty;
    const ages = this.#ages;
    const moves = new PendingMoves();
    const {crossesFileSystems, maxWatches = Number.POSITIVE_INFINITY} = config;
    const exclude = createExclude(config.exclude);

    const storageTime = new StorageTime();
    const inotify = new Inotify(new Libc(), openThread, events => this.#events.push(events), onFailure);
    const watching = {descriptor: inotify.descriptor, mask: watchMask};
    const data = {root, exclude: config.exclude, inotify: watching, nice: config.nice};
    const walkers = new Walkers(openThread, config.walkers, data, onFailure);
    const looker = new Looker(openThread, {root}, onFailure);
    const onWatches = () => this.#events.handleAll();
    const reads = new DirectoryReads({
      tree,
      dirty,
      ages,
      walkers,
      inotify,
      sink,
      storageTime,
      crossesFileSystems,
      maxWatches,
      onWatches,
      onRootLost,
    });
    const shared = {tree, dirty, ages, moves, reads, walkers, inotify, sink, storageTime};
    const onMarks = () => this.#looks.plan();
    this.#events = new KernelEvents({...shared, exclude, onOverflow, onUnmount, onMarks});
    const {signal} = this.#closing;
    this.#looks = new Looks({...shared, looker, crossesFileSystems, signal, onRootLost}, this.#events);

    this.tree = tree;
    this.looker = looker;
    this.#inotify = inotify;
    this.#walkers = walkers;
    this.#reads = reads;
  }

  /** Whether anything was in the root when it was last read. */
  get hadEntries(): boolean {
    return this.#reads.rootCount > 0;
  }

  /** Whether some directories stay without a watch. */
  get lacksWatches(): boolean {
    return this.#reads.lacksWatches;
  }

  /** Watches the root itself; all else is watched as it is read. */
  watchRoot(): Promise<void> {
    return this.#reads.watchRoot();
  }

  async scan(request: ScanRequest): Promise<ScanResult> {
    const {tree} = this;
    let start: Node | undefined = tree.root;
    for (const name of pathNames(request.path)) start = start?.children?.get(name);
    if (!start) {
      const reason = 'the path is not a directory that is known';
      return {...emptyResult, isComplete: false, reason, isUnknown: true};
    }
    this.#reads.hotSet.tryAgain();
    const signal = AbortSignal.any([request.signal, this.#closing.signal]);
    const {crossesFileSystems} = this.#config;
    const parts = {tree, reads: this.#reads, sink: this.#sink, crossesFileSystems};
    const result = await new Scan(parts, start, {...request, signal}).run();
    // What it found to be another directory than before is told, and read anew: that belongs to it.
    await within(toldWithinMs, signal, this.#ages.pastButFound());
    return result;
  }

  /**
   * Resolves when every change made before the call has been emitted; those that follow hold nothing up. To how many directories
   * are without a watch then.
   */
  async settle(): Promise<number> {
    await this.#inotify.sync();
    await this.#events.handled();
    // All renames that wait for their second half have a mark at their old name.
    await this.#ages.past();
    // One that is just being renamed may have no watch for the moment.
    for (let rounds = 0; rounds < 10 && this.#reads.unwatched > 0 && this.#dirty.size > 0; rounds++) {
      await this.#looks.flush();
    }
    return this.#reads.unwatched;
  }

  /** `reason` is told to the scans under way. */
  async close(reason?: string): Promise<void> {
    this.#closing.abort(reason);
    await Promise.all([this.#inotify.close(), this.#walkers.close(), this.looker.close()]);
  }
}

/** Resolves when the work is done, the time is over or the signal aborts. */
async function within(ms: number, signal: AbortSignal, work: Promise<void>): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, ms).unref();
  signal.addEventListener('abort', () => over.resolve(), {once: true});
  if (!signal.aborted) await Promise.race([work, over.promise]);
  clearTimeout(timer);
}
