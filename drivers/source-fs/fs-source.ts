import type {SourceConfig} from '../../core/config/schema.ts';
import type {Attributes} from '../../core/entry/entry.ts';
import {type Path, rootPath} from '../../core/entry/path.ts';
import type {Log} from '../../core/log/log.ts';
import type {EventSink, ScanRequest, ScanResult, Source, SourceStatus} from '../../core/source/source.ts';
import type {OpenThread} from './inotify.ts';
import {atStatxForceSync} from './libc.ts';
import {isGone, type Mount, mountOf} from './mount.ts';
import {OpenedRoot} from './opened-root.ts';
import {Rescans} from './rescans.ts';

export type FsSourceParts = {openThread: OpenThread; log: Log};

const guardMs = 5_000;
const coverageMs = 1_000;
/** A storage that has not answered for so long is told as unavailable. */
const stalledMs = 15_000;

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
  readonly #rescans = new Rescans(() => this.#rescan());
  #sink!: EventSink;
  #mount!: Mount;
  #opened!: OpenedRoot;
  #guard: NodeJS.Timeout | undefined;
  #coverage: NodeJS.Timeout | undefined;
  #check: Promise<boolean> | undefined;
  /** Aborted, with the reason, while the source is not available. */
  #availability = new AbortController();
  #isStalled = false;
  #overflows = 0;
  #toldCoverage = '';
  #isCovered = true;
  #isClosed = false;
  #failure: Error | undefined;

  constructor(config: SourceConfig, parts: FsSourceParts) {
    this.#config = config;
    this.#parts = parts;
  }

  async open(sink: EventSink): Promise<void> {
    this.#sink = sink;
    this.#openRoot();
    this.#guard = setInterval(() => void this.#checkMount(), guardMs).unref();
    this.#coverage = setInterval(() => this.#tellCoverage(), coverageMs).unref();
  }

  async scan(request: ScanRequest): Promise<ScanResult> {
    if (!(await this.#isUsable())) {
      return {isComplete: false, directories: 0, entries: 0, unreadable: 0, unchanged: 0, reason: this.#unavailable!};
    }
    const signal = AbortSignal.any([request.signal, this.#availability.signal]);
    const result = await this.#opened.scan({...request, signal});
    if (this.#failure) throw this.#failure;
    this.#tellCoverage();
    return result;
  }

  async look(paths: readonly Path[]): Promise<Map<Path, Attributes | undefined>> {
    const found = new Map<Path, Attributes | undefined>();
    if (!(await this.#isUsable())) return found;
    const looks = await this.#opened.looker.look(paths, atStatxForceSync);
    if (this.#failure) throw this.#failure;
    for (const [i, look] of looks.entries()) {
      if (typeof look === 'object') found.set(paths[i]!, look.attributes);
      else if (isGone(look)) found.set(paths[i]!, undefined);
    }
    return found;
  }

  async settle(): Promise<void> {
    await this.#opened.settle();
    if (this.#failure) throw this.#failure;
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
    this.#isClosed = true;
    clearInterval(this.#guard);
    clearInterval(this.#coverage);
    this.#rescans.stop();
    await this.#opened?.close();
  }

  // ── The root, and what may go wrong with it

  get #unavailable(): string | undefined {
    const {aborted, reason} = this.#availability.signal;
    return aborted ? reason : undefined;
  }

  #openRoot(): void {
    const {openThread} = this.#parts;
    this.#mount = mountOf(this.#config.path);
    this.#opened = new OpenedRoot(this.#config, {
      openThread,
      sink: this.#guarded(),
      onOverflow: () => {
        this.#overflows++;
        this.#tellGap("the kernel's queue of events overflowed");
      },
      onUnmount: () => void this.#checkMount(),
      onFailure: error => {
        this.#failure = error;
        void this.#opened.close();
      },
    });
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
  #checkMount(): Promise<boolean> {
    this.#check ??= this.#compareMount().finally(() => (this.#check = undefined));
    const {promise, resolve} = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => {
      this.#isStalled ||= this.#unavailable === undefined;
      this.#tellUnavailable(`${this.#config.path} has not answered for ${stalledMs / 1000} s`);
      resolve(false);
    }, stalledMs).unref();
    this.#check.then(resolve, () => resolve(false)).finally(() => clearTimeout(timer));
    return promise;
  }

  async #compareMount(): Promise<boolean> {
    const opened = this.#opened;
    const {hadEntries} = opened;
    const state = await opened.looker.mountState(this.#config.path, {opened: this.#mount, hadEntries});
    if (this.#isClosed || opened !== this.#opened) return !this.#isClosed;
    const wasStalled = this.#isStalled;
    this.#isStalled = false;
    if (state.is === 'unusable') {
      this.#tellUnavailable(state.reason);
      return false;
    }
    if (state.is === 'again') return this.#reopen();
    if (this.#unavailable !== undefined) this.#tellAvailable({hasMissed: !wasStalled});
    return true;
  }

  async #reopen(): Promise<boolean> {
    const reason = `${this.#config.path} was mounted or made again`;
    this.#tellUnavailable(reason);
    await this.#opened.close(reason);
    if (this.#isClosed) return false;
    this.#openRoot();
    this.#parts.log.info({path: this.#config.path}, 'the root of the source is opened again');
    this.#tellAvailable({hasMissed: true});
    return true;
  }

  #tellUnavailable(reason: string): void {
    if (this.#unavailable !== undefined || this.#isClosed) return;
    this.#availability.abort(reason);
    this.#sink.emit({kind: 'phase', phase: 'unavailable', reason});
  }

  #tellAvailable({hasMissed}: {hasMissed: boolean}): void {
    this.#availability = new AbortController();
    this.#sink.emit({kind: 'phase', phase: 'available'});
    if (hasMissed) this.#tellGap('the source was not available');
  }

  #tellGap(reason: string): void {
    this.#sink.emit({kind: 'phase', phase: 'gap', path: rootPath, reason});
    this.#rescans.plan();
  }

  async #rescan(): Promise<void> {
    const {signal} = new AbortController();
    try {
      await this.scan({source: 'on_demand', path: rootPath, isFull: true, signal});
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
    this.#isCovered = watched === known;
    if (wasCovered && !this.#isCovered) {
      const facts = {watched, known, hint: 'raise fs.inotify.max_user_watches with sysctl, or max_watches'};
      this.#parts.log.warn(facts, 'not every directory can be watched: audits find the changes in the others');
    }
  }
}
