import type {SourceConfig} from '../../core/config/schema.ts';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {type Attributes, kinds} from '../../core/entry/entry.ts';
import {joinPath, type Path, pathNames, rootPath, splitPath} from '../../core/entry/path.ts';
import type {Log} from '../../core/log/log.ts';
import type {ListingEvent, ScanSource} from '../../core/protocol/events.ts';
import type {EventSink, ScanRequest, ScanResult, Source, SourceStatus} from '../../core/source/source.ts';
import type {DirectoryReading} from './directory-reader.ts';
import {DirtyNames} from './dirty-names.ts';
import {createExclude, type Exclude, isSillyName} from './exclude.ts';
import {Inotify, inotifyBits, type KernelEvent, type OpenThread, watchMask} from './inotify.ts';
import {atEmptyPath, atStatxForceSync, atSymlinkNoFollow, Libc, pathBytesMax} from './libc.ts';
import {rangesOf} from './listing-ranges.ts';
import {isGone, type Mount, mountOf, mountProblem, unusable} from './mount.ts';
import {StatxBuffer} from './statx.ts';
import {Walkers} from './walkers.ts';
import {type Node, WatchTree} from './watch-tree.ts';

export type FsSourceParts = {openThread: OpenThread; log: Log};

/** Readings that a scan has under way. */
const scanReadingsMax = 128;
/** How long events gather before their names are looked at: a burst on one name costs one look. */
const gatherMs = 3;
const guardMs = 5_000;
const rescanPauseMs = {min: 1_000, max: 60_000};

type PendingMove = {
  cookie: number;
  node: Node;
  name: ByteString;
  child: Node | undefined;
  writing: boolean | undefined;
  age: number;
};
type QueuedEvent = KernelEvent & {begun: number};

/**
 * A mounted directory on Linux, through libc.
 *
 * 1. A directory is watched before it is read, and it is the opened directory that is watched, not whatever its path names.
 * 2. Kernel events are handled in their order. An event of a watch that is not known yet waits for the readings that were
 *    under way when it came.
 * 3. A rename re-links a node. Whatever else an event says of a name, the name is only marked; then it is looked at, the
 *    kernel's queue is read to its end, and what was seen is told only if the directory still hangs where it hung before
 *    the look. So what is told was true at its place in the stream of events, and every later change makes another mark.
 * 4. A directory that is new, or another than before under its name, is told as a directory, and then read and listed.
 */
export class FsSource implements Source {
  readonly #config: SourceConfig;
  readonly #parts: FsSourceParts;
  readonly #exclude: Exclude | undefined;
  readonly #libc = new Libc();
  readonly #stat = new StatxBuffer();
  readonly #dirty = new DirtyNames();
  readonly #abort = new AbortController();
  #sink!: EventSink;
  #root = -1;
  #tree!: WatchTree;
  #inotify!: Inotify;
  #walkers!: Walkers;
  #mount: Mount | undefined;
  #guard: NodeJS.Timeout | undefined;
  #unavailable: string | undefined;
  #queue: QueuedEvent[] = [];
  #moves: PendingMove[] = [];
  #flushing: Promise<void> | undefined;
  #urgentReadings = 0;
  #overflows = 0;
  #isRescanPlanned = false;
  #rescanPause = rescanPauseMs.min;
  #told = '';
  #failure: Error | undefined;

  constructor(config: SourceConfig, parts: FsSourceParts) {
    this.#config = config;
    this.#parts = parts;
    this.#exclude = createExclude(config.exclude);
  }

  async open(sink: EventSink): Promise<void> {
    this.#sink = sink;
    this.#mount = mountOf(this.#config.path);
    this.#root = this.#libc.openRoot(Buffer.from(this.#config.path).toString('latin1'));
    if (this.#root < 0) throw unusable(this.#config.path, this.#libc.errorName());
    this.#libc.statx(this.#root, '', this.#stat.pointer, atEmptyPath);
    this.#tree = new WatchTree(this.#stat.identity);
    const fail = (error: Error) => {
      this.#failure = error;
      this.#abort.abort(error);
    };
    const {openThread} = this.#parts;
    this.#inotify = new Inotify(this.#libc, openThread, events => this.#onEvents(events), fail);
    const inotify = {descriptor: this.#inotify.descriptor, mask: watchMask};
    const data = {root: this.#root, exclude: this.#config.exclude, inotify};
    this.#walkers = new Walkers(openThread, this.#config.walkers, data, fail);
    this.#tree.setWatch(
      this.#tree.root,
      this.#libc.addWatch(inotify.descriptor, `/proc/self/fd/${this.#root}`, watchMask),
    );
    this.#guard = setInterval(() => this.#checkMount(), guardMs).unref();
  }

  async scan({source, path, signal, onProgress}: ScanRequest): Promise<ScanResult> {
    const result: ScanResult = {isComplete: true, directories: 0, entries: 0, unreadable: 0};
    const stop = AbortSignal.any([signal, this.#abort.signal]);
    const start = this.#nodeAt(path);
    if (!start) return {...result, isComplete: false, reason: 'the path is not a directory that is known'};
    const frontier: Node[] = [start];
    const ready: (() => Promise<void>)[] = [];
    let reading = 0;
    let wake = () => {};
    while (!stop.aborted && (frontier.length > 0 || reading > 0 || ready.length > 0)) {
      if (!this.#checkMount()) return {...result, isComplete: false, reason: this.#unavailable!};
      while (frontier.length > 0 && reading + ready.length < scanReadingsMax) {
        const node = frontier.pop()!;
        const evidence = this.#sink.evidence();
        reading++;
        this.#read(node, false, (read, begunAt) => {
          reading--;
          result.directories++;
          const children = this.#register(node, read, begunAt);
          if (children) frontier.push(...children);
          ready.push(async () => {
            if (typeof read === 'string') {
              if (isGone(read)) return;
              result.unreadable++;
              result.isComplete = false;
              await this.#offerUnreadable(node, source, evidence, read);
            } else if (children) {
              result.entries += read.count;
              await this.#offerListing(node, source, evidence, read);
            }
          });
          wake();
        });
      }
      const next = ready.shift();
      if (next) await next();
      else if (reading > 0) {
        await new Promise<void>(resolve => {
          wake = resolve;
          stop.addEventListener('abort', () => resolve(), {once: true});
        });
        wake = () => {};
      }
      onProgress?.(result);
    }
    if (this.#failure) throw this.#failure;
    if (stop.aborted) return {...result, isComplete: false, reason: 'the scan was stopped'};
    this.#tellCoverage();
    return result;
  }

  async look(paths: readonly Path[]): Promise<Map<Path, Attributes | undefined>> {
    const found = new Map<Path, Attributes | undefined>();
    if (!this.#checkMount()) return found;
    for (const path of paths) {
      const look = this.#lookAt(path, atStatxForceSync);
      if (typeof look === 'object') found.set(path, look.attributes);
      else if (isGone(look)) found.set(path, undefined);
    }
    return found;
  }

  async settle(): Promise<void> {
    do {
      await this.#inotify.sync();
      await this.#flush();
    } while (this.#queue.length > 0 || this.#dirty.size > 0 || this.#moves.length > 0 || this.#urgentReadings > 0);
  }

  status(): SourceStatus {
    return {
      isAvailable: this.#unavailable === undefined,
      reason: this.#unavailable,
      watched: this.#tree?.watched ?? 0,
      known: this.#tree?.known ?? 0,
      overflows: this.#overflows,
    };
  }

  async close(): Promise<void> {
    this.#abort.abort();
    clearInterval(this.#guard);
    if (!this.#walkers) return;
    await this.#inotify.close();
    await this.#walkers.close();
    await this.#flushing;
    this.#libc.close(this.#root);
  }

  // ── Events of the kernel

  #onEvents(events: KernelEvent[]): void {
    const begun = this.#walkers.lastBegun;
    for (const event of events) this.#queue.push({...event, begun});
    this.#handleQueue();
  }

  #handleQueue(): void {
    let handled = 0;
    for (const event of this.#queue) {
      if (event.mask & inotifyBits.overflow) this.#onOverflow();
      else {
        const node = this.#tree.byWatch(event.watch);
        if (!node && this.#walkers.isReadingSince(event.begun)) break;
        if (node) this.#handle(event, node);
      }
      handled++;
    }
    this.#queue.splice(0, handled);
    if (this.#dirty.size > 0 || this.#moves.length > 0) this.#planFlush();
  }

  #handle({watch, mask, cookie, name}: KernelEvent, node: Node): void {
    if (mask & inotifyBits.ignored) this.#tree.forgetWatch(watch);
    else if (mask & inotifyBits.unmount) this.#checkMount();
    else if (name === '') this.#markDirectory(node);
    else if (this.#isExcluded(node, name)) return;
    else if (isSillyName(name))
      this.#readNew(node); // some file lost its name without an event of its own
    else if (mask & inotifyBits.movedFrom) this.#onMovedFrom(node, name, cookie);
    else if (mask & inotifyBits.movedTo) this.#onMovedTo(node, name, cookie);
    else this.#onChange(node, name, mask);
  }

  #isExcluded(node: Node, name: ByteString): boolean {
    if (!this.#exclude) return false;
    const path = this.#tree.childPath(node, name);
    return path !== undefined && this.#exclude(path);
  }

  #onChange(node: Node, name: ByteString, mask: number): void {
    const isDirectory = (mask & inotifyBits.isDirectory) !== 0;
    if (mask & inotifyBits.create && !isDirectory) this.#setWriting(node, name, false);
    if (mask & inotifyBits.modify) this.#setWriting(node, name, true);
    if (mask & (inotifyBits.closeWrite | inotifyBits.delete)) node.writing?.delete(name);
    const isStructural = (mask & (inotifyBits.create | inotifyBits.delete)) !== 0;
    if (isStructural) this.#markDirectory(node);
    const isReplaced = isDirectory && (mask & inotifyBits.delete) !== 0;
    if (isReplaced) this.#drop(node.children?.get(name));
    this.#dirty.mark(node, name, {isStructural, isReplaced});
  }

  #onMovedFrom(node: Node, name: ByteString, cookie: number): void {
    const child = node.children?.get(name);
    if (child) this.#tree.detach(child);
    const writing = node.writing?.get(name);
    node.writing?.delete(name);
    this.#moves.push({cookie, node, name, child, writing, age: 0});
    this.#markDirectory(node);
    this.#dirty.mark(node, name, {isStructural: true, isReplaced: child !== undefined});
  }

  #onMovedTo(node: Node, name: ByteString, cookie: number): void {
    const move = this.#moves.find(pending => pending.cookie === cookie);
    this.#drop(node.children?.get(name));
    node.writing?.delete(name);
    this.#markDirectory(node);
    const from = move && this.#tree.childPath(move.node, move.name);
    const to = this.#tree.childPath(node, name);
    if (move) this.#moves = this.#moves.filter(pending => pending !== move);
    if (move && from !== undefined && to !== undefined) {
      this.#sink.emit({kind: 'move', from, to, observedAt: this.#sink.now()});
      this.#dirty.markMoved(move.node, move.name);
      if (move.child) this.#tree.attach(move.child, node, name);
      if (move.writing !== undefined) this.#setWriting(node, name, move.writing);
      this.#dirty.mark(node, name, {isStructural: true, isReplaced: false});
      return;
    }
    this.#drop(move?.child);
    this.#dirty.mark(node, name, {isStructural: true, isReplaced: true});
  }

  #setWriting(node: Node, name: ByteString, hasWritten: boolean): void {
    node.writing ??= new Map();
    node.writing.set(name, hasWritten || node.writing.get(name) === true);
  }

  /** What changes in a directory changes the directory's own times. */
  #markDirectory(node: Node): void {
    if (node.parent) this.#dirty.mark(node.parent, node.name, {isStructural: false, isReplaced: false});
    else if (node === this.#tree.root) this.#dirty.markRoot();
  }

  #drop(node: Node | undefined): void {
    if (!node) return;
    this.#tree.detach(node);
    for (const watch of this.#tree.forget(node)) this.#inotify.removeWatch(watch);
  }

  // ── Looking at what was marked

  #planFlush(): void {
    if (this.#flushing || this.#abort.signal.aborted) return;
    const gathered = new Promise<void>(resolve => setTimeout(resolve, gatherMs));
    this.#flushing = gathered
      .then(() => this.#flushAll())
      .finally(() => {
        this.#flushing = undefined;
        if (!this.#abort.signal.aborted && (this.#dirty.size > 0 || this.#moves.length > 0)) this.#planFlush();
      });
  }

  async #flush(): Promise<void> {
    if (this.#dirty.size > 0 || this.#moves.length > 0) this.#planFlush();
    await this.#flushing;
  }

  async #flushAll(): Promise<void> {
    const marks = this.#dirty.take();
    const isRootDirty = this.#dirty.takeRoot();
    const version = this.#tree.version;
    const looks = marks.map(mark => {
      const path = this.#tree.childPath(mark.node, mark.name);
      return {...mark, look: path === undefined ? undefined : this.#lookAt(path, 0)};
    });
    const rootLook = isRootDirty ? this.#lookAt(rootPath, 0) : undefined;
    await this.#inotify.sync();
    while (this.#queue.length > 0 && !this.#abort.signal.aborted) {
      await new Promise(resolve => setTimeout(resolve, 1)); // a reading that names an event's watch is about to arrive
      this.#handleQueue();
    }
    if (this.#abort.signal.aborted || !this.#checkMount()) return;
    if (rootLook && typeof rootLook === 'object') this.#tellUpsert(rootPath, rootLook.attributes, true);
    for (const {node, name, isReplaced, isMoved, look} of looks) {
      const again = () => this.#dirty.mark(node, name, {isStructural: false, isReplaced});
      if (look === undefined) {
        if (this.#isInTransit(node)) again();
      } else if (!this.#tree.isUnchangedSince(node, version) || this.#isMoving(node, name)) again();
      else if (this.#dirty.isStructural(node, name)) again();
      else if (isMoved && typeof look === 'string' && isGone(look)) this.#drop(node.children?.get(name));
      else this.#tell(node, name, look, isReplaced);
    }
    for (const move of this.#moves) move.age++;
    for (const {child} of this.#moves.filter(({age}) => age > 1)) this.#drop(child); // its other half is outside
    this.#moves = this.#moves.filter(({age}) => age <= 1);
  }

  #isMoving(node: Node, name: ByteString): boolean {
    return this.#moves.some(move => move.node === node && move.name === name);
  }

  /** Whether a node hangs below one whose new place is not known yet. */
  #isInTransit(node: Node): boolean {
    let top = node;
    while (top.parent) top = top.parent;
    return this.#moves.some(({child}) => child === top);
  }

  #tell(node: Node, name: ByteString, look: Look, isReplaced: boolean): void {
    const path = this.#tree.childPath(node, name)!;
    const child = node.children?.get(name);
    if (typeof look === 'string') {
      if (!isGone(look)) return;
      this.#drop(child);
      this.#sink.emit({kind: 'delete', path, observedAt: this.#sink.now()});
      return;
    }
    const isDirectory = look.attributes.kind === kinds.directory;
    const isKnown = child !== undefined && (child.identity === '' || child.identity === look.identity);
    const isSame = isKnown && isDirectory && !isReplaced;
    if (!isSame) this.#drop(child);
    if (isReplaced || (child !== undefined && !isSame)) {
      this.#sink.emit({kind: 'delete', path, observedAt: this.#sink.now()});
    }
    const hasWritten = node.writing?.get(name);
    // A name made by link(2) has no writer of its own.
    const isOpen = hasWritten === true || (hasWritten === false && look.links === 1);
    this.#tellUpsert(path, look.attributes, look.attributes.kind !== kinds.file || !isOpen);
    if (!isDirectory) return;
    const directory = isSame ? child : this.#tree.add(node, name, look.identity);
    if (directory.reading === 'new') this.#readNew(directory);
  }

  #tellUpsert(path: Path, attributes: Attributes, isAtomic: boolean): void {
    this.#sink.emit({kind: 'upsert', path, attributes, isAtomic, observedAt: this.#sink.now()});
  }

  #lookAt(path: Path, flags: number): Look {
    const libc = this.#libc;
    const stat = this.#stat;
    const relative = path === rootPath ? '.' : path.slice(1);
    let isOk: boolean;
    if (relative.length <= pathBytesMax) {
      isOk = libc.statx(this.#root, relative, stat.pointer, atSymlinkNoFollow | flags);
    } else {
      const {parent, name} = splitPath(path);
      const directory = libc.openDirectory(this.#root, parent);
      if (directory < 0) return libc.errorName();
      isOk = libc.statx(directory, name, stat.pointer, atSymlinkNoFollow | flags);
      libc.close(directory);
    }
    if (!isOk) return libc.errorName();
    return {attributes: stat.attributes, identity: stat.identity, links: stat.links};
  }

  // ── Reading directories

  #read(node: Node, isUrgent: boolean, done: (reading: DirectoryReading | string, begunAt: number) => void): void {
    if (node.reading === 'new') node.reading = 'due';
    let begunAt = 0;
    const begin = () => {
      begunAt = this.#tree.version;
      return this.#tree.pathOf(node);
    };
    this.#walkers.read(begin, {isUrgent}, reading => {
      done(reading, begunAt);
      this.#handleQueue();
    });
  }

  /**
   * Watches and reads a directory that is new, and all below it. What is found goes the way of realtime events, because
   * nobody else will tell of it.
   */
  #readNew(node: Node): void {
    const evidence = this.#sink.evidence();
    this.#urgentReadings++;
    this.#read(node, true, (reading, begunAt) => {
      this.#urgentReadings--;
      if (this.#abort.signal.aborted) return;
      const children = this.#register(node, reading, begunAt);
      const path = this.#tree.pathOf(node);
      if (path === undefined) return;
      if (typeof reading === 'string') {
        if (!isGone(reading)) this.#sink.emit({kind: 'unreadable', source: 'snapshot', path, evidence, error: reading});
        return;
      }
      if (!children) return;
      for (const range of rangesOf(path, 'snapshot', evidence, reading)) this.#sink.emit(range);
      for (const child of children) if (child.reading === 'new') this.#readNew(child);
    });
  }

  /**
   * Takes over what a reading found: the watch, and the directories in it, which are returned. Undefined when it failed, was
   * of another directory than the node, or the node has gone: its name is then looked at again.
   */
  #register(node: Node, reading: DirectoryReading | string, begunAt: number): Node[] | undefined {
    const hasFailed = typeof reading === 'string';
    const isSame = !hasFailed && (node.identity === '' || node.identity === reading.identity);
    if (!isSame || this.#tree.pathOf(node) === undefined) {
      if (!hasFailed && reading.watch !== -1 && !this.#tree.byWatch(reading.watch))
        this.#inotify.removeWatch(reading.watch);
      const isOutOfDate = !hasFailed || isGone(reading);
      node.reading = isOutOfDate ? 'new' : 'done';
      if (isOutOfDate && node.parent)
        this.#dirty.mark(node.parent, node.name, {isStructural: false, isReplaced: false});
      return undefined;
    }
    const {identity, watch, directories} = reading;
    node.reading = 'done';
    node.identity = identity;
    if (watch !== -1) this.#tree.setWatch(node, watch);
    this.#dropUnlisted(node, directories, begunAt);
    const children: Node[] = [];
    for (const {name, identity: childIdentity, isOtherFileSystem} of directories) {
      if (isOtherFileSystem && !this.#config.crossesFileSystems) continue;
      const known = node.children?.get(name);
      if (known && (known.identity === '' || childIdentity === '' || known.identity === childIdentity)) {
        children.push(known);
        continue;
      }
      if (known) {
        this.#drop(known);
        this.#dirty.mark(node, name, {isStructural: false, isReplaced: true});
        continue; // told, and read, by the look
      }
      children.push(this.#tree.add(node, name, childIdentity));
    }
    return children;
  }

  /** Directories that went without an event that we heard. Those that came after the reading began are not meant. */
  #dropUnlisted(node: Node, listed: DirectoryReading['directories'], begunAt: number): void {
    if (!node.children || node.children.size === 0) return;
    const names = new Set(listed.map(({name}) => name));
    for (const child of [...node.children.values()]) {
      if (names.has(child.name) || child.changedAt > begunAt) continue;
      this.#dirty.mark(node, child.name, {isStructural: true, isReplaced: true});
      this.#drop(child);
    }
  }

  async #offerListing(node: Node, source: ScanSource, evidence: number, reading: DirectoryReading): Promise<void> {
    // The path is bound when the event leaves: until then the directory may be renamed.
    for (const range of rangesOf(rootPath, source, evidence, reading)) {
      const resolve = (): ListingEvent | undefined => {
        const path = this.#tree.pathOf(node);
        return path && {...range, path};
      };
      await this.#sink.offer({kind: 'deferred', byteLength: range.entries.byteLength + 200, resolve});
    }
    if (this.#config.crossesFileSystems) return;
    for (const {name, isOtherFileSystem} of reading.directories) {
      if (isOtherFileSystem) await this.#offerUnreadable(node, source, evidence, 'EXDEV', name);
    }
  }

  #offerUnreadable(node: Node, source: ScanSource, evidence: number, error: string, name?: ByteString): Promise<void> {
    return this.#sink.offer({
      kind: 'deferred',
      byteLength: 200,
      resolve: () => {
        const directory = this.#tree.pathOf(node);
        if (directory === undefined) return undefined;
        const path = name === undefined ? directory : joinPath(directory, name);
        return {kind: 'unreadable', source, path, evidence, error};
      },
    });
  }

  #nodeAt(path: Path): Node | undefined {
    let node: Node | undefined = this.#tree.root;
    for (const name of pathNames(path)) node = node?.children?.get(name);
    return node;
  }

  // ── What may go wrong with the source as a whole

  /** False while another file system, or nothing, is where the storage was mounted. */
  #checkMount(): boolean {
    const reason = mountProblem(this.#config.path, this.#mount!);
    if (reason === this.#unavailable) return reason === undefined;
    this.#unavailable = reason;
    if (reason === undefined) {
      this.#sink.emit({kind: 'phase', phase: 'available'});
      this.#planRescan('the source was not available');
    } else this.#sink.emit({kind: 'phase', phase: 'unavailable', reason});
    return reason === undefined;
  }

  #onOverflow(): void {
    this.#overflows++;
    this.#planRescan("the kernel's queue of events overflowed");
  }

  /** Reads everything again after events were lost, with pauses that grow while it happens again and again. */
  #planRescan(reason: string): void {
    this.#sink.emit({kind: 'phase', phase: 'gap', path: rootPath, reason});
    if (this.#isRescanPlanned) return;
    this.#isRescanPlanned = true;
    const pause = this.#rescanPause;
    this.#rescanPause = Math.min(rescanPauseMs.max, pause * 2);
    setTimeout(async () => {
      this.#isRescanPlanned = false;
      if (this.#abort.signal.aborted) return;
      const overflows = this.#overflows;
      await this.scan({source: 'on_demand', path: rootPath, signal: this.#abort.signal}).catch(error =>
        this.#parts.log.error({error: String(error)}, 'a rescan failed'),
      );
      if (overflows === this.#overflows) this.#rescanPause = rescanPauseMs.min;
    }, pause).unref();
  }

  #tellCoverage(): void {
    const {watched, known} = this.#tree;
    const told = `${watched}/${known}`;
    if (told === this.#told) return;
    this.#told = told;
    this.#sink.emit({kind: 'phase', phase: 'coverage', watched, known});
  }
}

/** What stands at a path, or the name of the error. */
type Look = {attributes: Attributes; identity: string; links: number} | string;
