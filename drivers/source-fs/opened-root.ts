import type {SourceConfig} from '../../core/config/schema.ts';
import {pathNames} from '../../core/entry/path.ts';
import type {EventSink, ScanRequest, ScanResult} from '../../core/source/source.ts';
import {DirectoryReads} from './directory-reads.ts';
import {DirtyNames} from './dirty-names.ts';
import {createExclude} from './exclude.ts';
import {Inotify, type OpenThread, watchMask} from './inotify.ts';
import {KernelEvents} from './kernel-events.ts';
import {atEmptyPath, Libc} from './libc.ts';
import {Looker} from './looker.ts';
import {Looks} from './looks.ts';
import {unusable} from './mount.ts';
import {PendingMoves} from './moves.ts';
import {Scan} from './scan.ts';
import {StatxBuffer} from './statx.ts';
import {StorageTime} from './storage-time.ts';
import {Walkers} from './walkers.ts';
import {type Node, WatchTree} from './watch-tree.ts';

/** Threads that hang in a call to a storage that does not answer are not waited for. */
const closeTimeoutMs = 3_000;

export type OpenedRootParts = {
  openThread: OpenThread;
  sink: EventSink;
  onOverflow: () => void;
  onUnmount: () => void;
  onFailure: (error: Error) => void;
};

/**
 * Everything that hangs on one open descriptor of the root: when another directory takes its place, all of this is closed
 * and made anew. Throws SOURCE_UNUSABLE.
 */
export class OpenedRoot {
  readonly looker: Looker;
  readonly tree: WatchTree;
  readonly #config: SourceConfig;
  readonly #sink: EventSink;
  readonly #libc = new Libc();
  readonly #root: number;
  readonly #closing = new AbortController();
  readonly #inotify: Inotify;
  readonly #walkers: Walkers;
  readonly #dirty = new DirtyNames();
  readonly #moves = new PendingMoves();
  readonly #reads: DirectoryReads;
  readonly #events: KernelEvents;
  readonly #looks: Looks;

  constructor(config: SourceConfig, {openThread, sink, onOverflow, onUnmount, onFailure}: OpenedRootParts) {
    this.#config = config;
    this.#sink = sink;
    const libc = this.#libc;
    this.#root = libc.openRoot(Buffer.from(config.path).toString('latin1'));
    if (this.#root < 0) throw unusable(config.path, libc.errorName());
    const stat = new StatxBuffer();
    libc.statx(this.#root, '', stat.pointer, atEmptyPath);
    const tree = new WatchTree(stat);
    const dirty = this.#dirty;
    const moves = this.#moves;
    const {crossesFileSystems, maxWatches = Number.POSITIVE_INFINITY} = config;
    const exclude = createExclude(config.exclude);

    const storageTime = new StorageTime();
    const inotify = new Inotify(libc, openThread, events => this.#events.push(events), onFailure);
    const watching = {descriptor: inotify.descriptor, mask: watchMask};
    const data = {root: this.#root, exclude: config.exclude, inotify: watching};
    const walkers = new Walkers(openThread, config.walkers, data, onFailure);
    const looker = new Looker(openThread, {root: this.#root}, onFailure);
    const onWatches = () => this.#events.handleAll();
    const reads = new DirectoryReads({
      tree,
      dirty,
      walkers,
      inotify,
      sink,
      storageTime,
      crossesFileSystems,
      maxWatches,
      onWatches,
    });
    const shared = {tree, dirty, moves, reads, walkers, inotify, sink, storageTime};
    const onMarks = () => this.#looks.plan();
    this.#events = new KernelEvents({...shared, exclude, onOverflow, onUnmount, onMarks});
    const {signal} = this.#closing;
    this.#looks = new Looks({...shared, looker, crossesFileSystems, signal}, this.#events);
    const watch = libc.addWatch(inotify.descriptor, `/proc/self/fd/${this.#root}`, watchMask);
    if (watch === -1) reads.hotSet.isRefused();
    tree.setWatch(tree.root, watch);

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

  async scan(request: ScanRequest): Promise<ScanResult> {
    const {tree} = this;
    let start: Node | undefined = tree.root;
    for (const name of pathNames(request.path)) start = start?.children?.get(name);
    if (!start) {
      const reason = 'the path is not a directory that is known';
      return {isComplete: false, directories: 0, entries: 0, unreadable: 0, unchanged: 0, reason, isUnknown: true};
    }
    this.#reads.hotSet.tryAgain();
    const signal = AbortSignal.any([request.signal, this.#closing.signal]);
    const {crossesFileSystems} = this.#config;
    const parts = {tree, reads: this.#reads, sink: this.#sink, crossesFileSystems};
    return new Scan(parts, start, {...request, signal}).run();
  }

  async settle(): Promise<void> {
    const {signal} = this.#closing;
    do {
      await this.#inotify.sync();
      await this.#looks.flush();
    } while (!signal.aborted && !this.#isSettled);
  }

  /** `reason` is told to the scans under way. */
  async close(reason?: string): Promise<void> {
    this.#closing.abort(reason);
    const closed = Promise.all([this.#inotify.close(), this.#walkers.close(), this.looker.close()]);
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, closeTimeoutMs);
    const isClosed = await Promise.race([closed.then(() => true), timeout.promise.then(() => false)]);
    clearTimeout(timer);
    // A thread that still hangs uses the descriptor.
    if (isClosed) this.#libc.close(this.#root);
  }

  get #isSettled(): boolean {
    return this.#events.waiting + this.#dirty.size + this.#moves.size + this.#reads.urgent === 0;
  }
}
