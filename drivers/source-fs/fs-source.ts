import {setTimeout as sleep} from 'node:timers/promises';
import type {SourceConfig} from '../../core/config/schema.ts';
import type {Attributes} from '../../core/entry/entry.ts';
import {type Path, rootPath} from '../../core/entry/path.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Log} from '../../core/log/log.ts';
import type {Unreached} from '../../core/protocol/sync-point.ts';
import {
  type EventSink,
  emptyResult,
  type ScanRequest,
  type ScanResult,
  type Source,
  type SourceStatus,
} from '../../core/source/source.ts';
import {scanGap} from './gap-scan.ts';
import type {OpenThread} from './inotify.ts';
import {atStatxForceSync} from './libc.ts';
import {Looker} from './looker.ts';
import {isGone, type Mount, unusable} from './mount.ts';
import {OpenedRoot} from './opened-root.ts';
import type {RememberedStorage} from './remembered-storage.ts';
import {Rescans} from './rescans.ts';
import {untilAborted} from './until-aborted.ts';

export type FsSourceParts = {
  openThread: OpenThread;
  log: Log;
  limits?: FsSourceLimits;
  /** Where to remember which storage it is; without it what is found is believed. */
  remembered?: RememberedStorage;
  /** Called once when it has failed for good, as when one of its threads died: it sees nothing more, and its process is to end. */
  onFailure?: (error: Error) => void;
};

export type FsSourceLimits = {
  /** How often the storage is asked whether it is there. */
  guardMs: number;
  /** A storage that has not answered for so long is told as unavailable. */
  stalledMs: number;
};

const defaultLimits: FsSourceLimits = {guardMs: 5_000, stalledMs: 15_000};
const coverageMs = 1_000;

/**
 * A mounted directory on Linux, through libc.
 *
 * 1. A directory is watched before it is read, and it is the opened directory that is watched, not whatever its path names.
 * 2. Kernel events are handled in their order. An event of a watch that is not known yet waits for the readings that were
 *    under way when it came.
 * 3. A rename re-links a node. Whatever else an event says of a name, the name is only marked; then it is looked at, the
 *    kernel's queue is read to its end, and what was seen is told only if the directory still hangs where it hung before
 *    the look. So what is told was true at its place in the stream of events, and every later change makes another mark.
 * 4. A rename is told only where what was told of the old name holds; else the old name goes and the new one is new.
 * 5. A directory that is new, or another than before under its name, is told as a directory, and then read and listed.
 * 6. The main thread never waits for the storage. While it does not answer, events wait, and it is told as unavailable.
 * 7. Nothing is told of what stands in the root's place when that is not the storage that was opened.
 */
export class FsSource implements Source {
  readonly #config: SourceConfig;
  readonly #parts: FsSourceParts;
  readonly #limits: FsSourceLimits;
  readonly #rescans = new Rescans(() => this.#rescan());
  #sink!: EventSink;
  #mount!: Mount;
  #opened!: OpenedRoot;
  /** Looks at the mount point, in a thread of its own that outlives what is opened. */
  #mountLooker!: Looker;
  #guard: NodeJS.Timeout | undefined;
  #coverage: NodeJS.Timeout | undefined;
  #check: Promise<boolean> | undefined;
  /** Aborted, with the reason, while the source is not available. */
  #availability = new AbortController();
  /** It is not available only because it does not answer. */
  #isStalled = false;
  /** Something may have happened that was not told. */
  #hasMissed = false;
  #isUnmounted = false;
  #overflows = 0;
  #toldCoverage = '';
  #isCovered = true;
  readonly #closing = new AbortController();
  #failure: Error | undefined;

  constructor(config: SourceConfig, parts: FsSourceParts) {
    this.#config = config;
    this.#parts = parts;
    this.#limits = parts.limits ?? defaultLimits;
  }

  async open(sink: EventSink): Promise<void> {
    this.#sink = sink;
    this.#mountLooker = new Looker(this.#parts.openThread, {root: undefined}, error => this.#fail(error));
    try {
      await this.#openFirst();
    } catch (error) {
      await this.close();
      throw this.#failure ?? error;
    }
    this.#guard = setInterval(() => void this.#checkMount(), this.#limits.guardMs).unref();
    this.#coverage = setInterval(() => this.#tellCoverage(), coverageMs).unref();
  }

  /** Waits for a storage that was observed before, whatever is the matter with it: a mount may come late. */
  async #openFirst(): Promise<void> {
    for (;;) {
      try {
        await this.#openPatiently();
        break;
      } catch (error) {
        this.#waitFor(error);
      }
      await sleep(this.#limits.guardMs, undefined, {signal: this.#closing.signal});
    }
    if (this.#unavailable !== undefined) this.#availability = new AbortController();
  }

  /** A call that is not answered cannot be taken back: its answer is waited for. */
  async #openPatiently(): Promise<void> {
    const opening = this.#openRoot();
    while (!(await isInTime(opening, this.#limits.stalledMs))) {
      this.#waitFor(unusable(this.#config.path, this.#stalledReason));
    }
  }

  /** Says why it is not available yet; throws what no waiting would mend, as a path that is written wrong. */
  #waitFor(error: unknown): void {
    const {path} = this.#config;
    const isStorageAway = error instanceof FustorError && error.code === 'SOURCE_UNUSABLE';
    if (!isStorageAway || this.#isClosed || !this.#parts.remembered?.knows(path)) throw error;
    const {message, hint} = error;
    if (this.#unavailable === message) return;
    this.#availability = new AbortController();
    this.#availability.abort(message);
    this.#parts.log.warn({path, hint}, `${message} Waiting for it.`);
  }

  async scan(request: ScanRequest): Promise<ScanResult> {
    if (!(await this.#isUsable()))
      return {...emptyResult, isComplete: false, reason: this.#unavailable ?? 'it is closed'};
    const signal = AbortSignal.any([request.signal, this.#availability.signal]);
    const result = await this.#opened.scan({...request, signal});
    if (this.#failure) throw this.#failure;
    this.#tellCoverage();
    return result;
  }

  async look(paths: readonly Path[]): Promise<Map<Path, Attributes | undefined>> {
    const found = new Map<Path, Attributes | undefined>();
    if (!(await this.#isUsable())) return found;
    const looks = (await this.#whileAvailable(this.#opened.looker.look(paths, atStatxForceSync))) ?? [];
    if (this.#failure) throw this.#failure;
    for (const [i, look] of looks.entries()) {
      if (typeof look === 'object') found.set(paths[i]!, look.attributes);
      else if (isGone(look)) found.set(paths[i]!, undefined);
    }
    return found;
  }

  async settle(): Promise<Unreached | undefined> {
    const unwatched = await this.#whileAvailable(this.#opened.settle());
    if (this.#failure) throw this.#failure;
    const {path} = this.#config;
    if (unwatched === undefined) return {reason: 'unavailable', message: this.#unavailable ?? `${path} is closed`};
    if (this.#hasMissed || this.#rescans.isDue) {
      return {reason: 'gap', message: `Changes of ${path} may have been missed; everything is being read again.`};
    }
    if (unwatched === 0) return undefined;
    const message = `${unwatched} of ${this.#opened.tree.known} directories of ${path} have no watch.`;
    return {reason: 'not_all_watched', message};
  }

  status(): SourceStatus {
    return {
      isAvailable: this.#unavailable === undefined,
      reason: this.#unavailable,
      watched: this.#opened?.tree.watched ?? 0,
      known: this.#opened?.tree.known ?? 0,
      overflows: this.#overflows,
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#guard);
    clearInterval(this.#coverage);
    this.#rescans.stop();
    await Promise.all([this.#opened?.close(), this.#mountLooker.close()]);
  }

  // ── The root, and what may go wrong with it

  get #unavailable(): string | undefined {
    const {aborted, reason} = this.#availability.signal;
    return aborted ? reason : undefined;
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  get #stalledReason(): string {
    return `it has not answered for ${this.#limits.stalledMs / 1_000} s`;
  }

  /** Undefined when the source becomes unavailable or is closed before. */
  #whileAvailable<T>(promise: Promise<T>): Promise<T | undefined> {
    return untilAborted(promise, AbortSignal.any([this.#availability.signal, this.#closing.signal]));
  }

  async #openRoot(): Promise<void> {
    const {path} = this.#config;
    const found = await this.#mountLooker.findRoot(path);
    if (typeof found === 'string') throw unusable(path, found);
    if (this.#isClosed) throw unusable(path, 'it is closed');
    this.#parts.remembered?.check(path, found.mount);
    const opened: OpenedRoot = new OpenedRoot(this.#config, {
      found,
      openThread: this.#parts.openThread,
      sink: this.#guarded(),
      onRootLost: () => {
        this.#hasMissed = true;
        void this.#checkMount();
      },
      onOverflow: () => {
        this.#overflows++;
        this.#tellGap("the kernel's queue of events overflowed");
      },
      onUnmount: () => {
        if (opened === this.#opened) this.#isUnmounted = true;
        void this.#checkMount();
      },
      onFailure: error => this.#fail(error),
    });
    this.#mount = found.mount;
    this.#isUnmounted = false;
    this.#opened = opened;
    await untilAborted(opened.watchRoot(), this.#closing.signal);
    if (this.#isClosed) throw unusable(path, 'it is closed');
  }

  #fail(error: Error): void {
    if (this.#isClosed) return;
    this.#failure = error;
    this.#tellUnavailable(`what observes ${this.#config.path} has died: ${error.message}`);
    void this.close();
    this.#parts.onFailure?.(error);
  }

  /** Lets nothing through that was seen while something else stands in the root's place. */
  #guarded(): EventSink {
    const sink = this.#sink;
    return {
      emit: event => {
        if (this.#unavailable === undefined || this.#isStalled) sink.emit(event);
      },
      offer: event => sink.offer(event),
      evidence: () => sink.evidence(),
      now: () => sink.now(),
    };
  }

  /** Also true for a source that failed: what is then asked of it says why. */
  async #isUsable(): Promise<boolean> {
    return (await this.#checkMount()) || this.#failure !== undefined;
  }

  /** Whether the storage is there and answers. Checks that are asked for while one is under way are that one. */
  async #checkMount(): Promise<boolean> {
    if (this.#isClosed) return false;
    this.#check ??= this.#compareMount().finally(() => (this.#check = undefined));
    const check = this.#check;
    if (await isInTime(check, this.#limits.stalledMs)) return check;
    if (this.#unavailable === undefined) {
      this.#isStalled = true;
      this.#tellUnavailable(`${this.#config.path}: ${this.#stalledReason}`);
    }
    return false;
  }

  async #compareMount(): Promise<boolean> {
    const {hadEntries} = this.#opened;
    const state = await this.#mountLooker.mountState(this.#config.path, {opened: this.#mount, hadEntries});
    if (!state || this.#isClosed) return false;
    if (state.is === 'unusable') {
      this.#isStalled = false;
      this.#hasMissed = true;
      this.#tellUnavailable(state.reason);
      return false;
    }
    if (state.is === 'again' || this.#isUnmounted) return this.#reopen();
    this.#isStalled = false;
    this.#tellAvailable();
    return true;
  }

  async #reopen(): Promise<boolean> {
    const reason = `${this.#config.path} was mounted or made again`;
    this.#isStalled = false;
    this.#hasMissed = true;
    if (this.#unavailable === undefined) this.#tellUnavailable(reason);
    await this.#opened.close(reason);
    try {
      await this.#openRoot();
    } catch (error) {
      if (error instanceof FustorError) this.#tellUnavailable(error.message);
      else this.#fail(error as Error); // no thread is to be had
      return false;
    }
    if (this.#isClosed) return false;
    this.#parts.log.info({path: this.#config.path}, 'the root of the source is opened again');
    this.#tellAvailable();
    return true;
  }

  #tellUnavailable(reason: string): void {
    if (this.#unavailable === reason || this.#isClosed) return;
    if (this.#unavailable !== undefined) this.#availability = new AbortController();
    this.#availability.abort(reason);
    this.#parts.log.warn({reason}, 'the storage is not available');
    this.#sink.emit({kind: 'phase', phase: 'unavailable', reason});
  }

  #tellAvailable(): void {
    if (this.#unavailable !== undefined) {
      this.#availability = new AbortController();
      this.#parts.log.info({path: this.#config.path}, 'the storage is available again');
      this.#sink.emit({kind: 'phase', phase: 'available'});
    }
    if (this.#hasMissed) this.#tellGap('the source was not available');
    this.#hasMissed = false;
  }

  #tellGap(reason: string): void {
    this.#sink.emit({kind: 'phase', phase: 'gap', path: rootPath, reason});
    this.#rescans.plan();
  }

  /** What stopped it makes another one due: at once when that is that the source was not available, else after a pause. */
  async #rescan(): Promise<void> {
    try {
      const {signal} = this.#closing;
      const {reason} = await scanGap({sink: this.#sink, scan: request => this.scan(request), signal});
      if (reason === undefined || this.#isClosed) return;
      if (this.#unavailable === undefined) this.#rescans.plan();
      else this.#hasMissed = true;
    } catch (error) {
      this.#parts.log.error({error: String(error)}, 'a rescan failed');
    }
  }

  #tellCoverage(): void {
    const {watched, known} = this.#opened.tree;
    const coverage = `${watched}/${known}`;
    if (coverage === this.#toldCoverage) return;
    this.#toldCoverage = coverage;
    this.#sink.emit({kind: 'phase', phase: 'coverage', watched, known});
    const wasCovered = this.#isCovered;
    this.#isCovered = !this.#opened.lacksWatches;
    if (wasCovered && !this.#isCovered) {
      const facts = {watched, known, hint: 'raise fs.inotify.max_user_watches with sysctl, or max_watches'};
      this.#parts.log.warn(facts, 'not every directory can be watched: audits find the changes in the others');
    }
  }
}

/** False when it takes longer; rejects as the promise does before. */
async function isInTime(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const {promise: isLate, resolve} = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms).unref();
  try {
    return await Promise.race([promise.then(() => true), isLate]);
  } finally {
    clearTimeout(timer);
  }
}
