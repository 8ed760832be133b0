import {type Path, rootPath} from '../entry/path.ts';
import type {Log} from '../log/log.ts';
import type {FsEvent, ScanProgress, ScanSource} from '../protocol/events.ts';
import type {Source} from '../source/source.ts';
import type {Clock} from '../time/clock.ts';
import {type Order, scanAnywhere} from './ordered-scans.ts';

export type RunningScan = {source: ScanSource; scan: string; path: Path} & ScanProgress;

export type ScanRunnerParts = {
  source: Source;
  clock: Clock;
  log: Log;
  /** The pipe's instance: the names of its scans begin with it. */
  instance: string;
  offer: (event: FsEvent) => Promise<void>;
  /** Changes when what was offered may have been thrown away. */
  term: () => number;
  onProgress: () => void;
};

const progressIntervalMs = 1_000;

/** Has the source scan, and tells the view of each scan that it begins, how far it is, and that it ends. */
export class ScanRunner {
  readonly #parts: ScanRunnerParts;
  readonly #running = new Map<string, RunningScan>();
  #count = 0;

  constructor(parts: ScanRunnerParts) {
    this.#parts = parts;
  }

  get running(): RunningScan[] {
    return [...this.#running.values()];
  }

  /** A scan of the pipe's own of everything below a path. */
  orderOf(path: Path): Order {
    return {job: `${this.#parts.instance}-${++this.#count}`, path, isRecursive: true};
  }

  /** Resolves to whether everything was looked at, and told. `order`: default is the whole source. */
  async run(
    {source, isFull, order = this.orderOf(rootPath)}: {source: ScanSource; isFull: boolean; order?: Order | undefined},
    signal: AbortSignal,
  ): Promise<boolean> {
    const {log, offer, term} = this.#parts;
    const {job: scan, path, isRecursive} = order;
    const termAtStart = term();
    const running = {source, scan, path};
    this.#running.set(scan, {...running, directories: 0, entries: 0});
    log.info({source, scan}, 'scan begins');
    await offer({kind: 'phase', phase: 'scan_begin', source, scan, path});
    const onProgress = (progress: ScanProgress) => {
      this.#running.set(scan, {...running, ...progress});
      this.#parts.onProgress();
    };
    const ended = new AbortController();
    const telling = this.#tellProgress(scan, AbortSignal.any([signal, ended.signal]));
    const request = {source, path, isFull, isRecursive, signal, onProgress};
    const result = await scanAnywhere(this.#parts.source, request).finally(() => ended.abort());
    await telling;
    onProgress(result);
    await offer(this.#progressOf(scan));
    // What could not be read is told directory by directory; the scan itself came to its end.
    const isComplete = result.reason === undefined && !signal.aborted && term() === termAtStart;
    const end: FsEvent = {kind: 'phase', phase: 'scan_end', source, scan, path, isComplete, reason: result.reason};
    if (!signal.aborted) await offer(end);
    this.#running.delete(scan);
    log.info({source, scan, isFull, ...result}, 'scan ends');
    return isComplete;
  }

  async #tellProgress(scan: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#parts.clock.sleep(progressIntervalMs, signal);
      if (!signal.aborted) await this.#parts.offer(this.#progressOf(scan));
    }
  }

  #progressOf(scan: string): FsEvent {
    const {source, path, directories, entries, unchanged} = this.#running.get(scan)!;
    return {kind: 'phase', phase: 'scan_progress', source, scan, path, directories, entries, unchanged};
  }
}
