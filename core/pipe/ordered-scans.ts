import {fromBytes} from '../entry/byte-string.ts';
import {isPath, type Path, rootPath, splitPath} from '../entry/path.ts';
import type {OrderedScan} from '../protocol/session.ts';
import type {ScanRequest, ScanResult, Source} from '../source/source.ts';
import {Signal} from './signal.ts';

/** At a time: a long one does not keep a short one waiting, and the storage has no more than these and an audit to bear. */
const lanes = 2;

export type Order = {job: string; path: Path; isRecursive: boolean};

/**
 * Scans that the view tells its leader to make. They are made beside an audit, in the order in which they are told, and
 * wait for nothing but each other. A view tells of a scan until it has heard of it, so one that has ended here may be told again.
 */
export class OrderedScans {
  readonly #scan: (order: Order, signal: AbortSignal) => Promise<unknown>;
  readonly #wake = new Signal();
  #waiting: Order[] = [];
  readonly #running = new Map<string, AbortController>();
  #ended = new Set<string>();

  constructor(scan: (order: Order, signal: AbortSignal) => Promise<unknown>) {
    this.#scan = scan;
  }

  /** The jobs that need not be told again. */
  get known(): string[] {
    return [...this.#waiting.map(({job}) => job), ...this.#running.keys(), ...this.#ended];
  }

  /** Takes all that the view wants now. True when something is new. */
  take(told: readonly OrderedScan[]): boolean {
    this.#ended = new Set(told.map(({job}) => job).filter(job => this.#ended.has(job)));
    const known = new Set(this.known);
    const orders = told.filter(({job}) => !known.has(job)).map(toOrder);
    this.#waiting.push(...orders.filter(({path}) => isPath(path)));
    if (orders.length > 0) this.#wake.raise();
    return orders.length > 0;
  }

  /** A scan of the pipe's own, of everything below a path that is not waiting for one already. */
  add(order: Order): void {
    if (this.#waiting.some(({path}) => path === order.path)) return;
    this.#waiting.push(order);
    this.#wake.raise();
  }

  /** Another pipe leads now, and makes what was not done here. */
  drop(): void {
    this.#waiting = [];
    this.#ended.clear();
    for (const stop of this.#running.values()) stop.abort();
  }

  /** Resolves when the signal aborts, rejects when a scan does. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({length: lanes}, () => this.#runLane(signal)));
  }

  async #runLane(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const seen = this.#wake.count;
      const order = this.#waiting.shift();
      if (!order) {
        await this.#wake.wait(signal, seen);
        continue;
      }
      const stop = new AbortController();
      this.#running.set(order.job, stop);
      await this.#scan(order, AbortSignal.any([signal, stop.signal]));
      this.#running.delete(order.job);
      if (!stop.signal.aborted) this.#ended.add(order.job);
    }
  }
}

/**
 * Scans a path of which the source may know nothing: made or removed without an event, or not a directory. Then the directory
 * above is listed, which tells what stands there, and after it the path, if that has made it known.
 */
export async function scanAnywhere(source: Source, request: ScanRequest): Promise<ScanResult> {
  const first = await source.scan(request);
  if (!first.isUnknown || request.path === rootPath) return first;
  const {parent} = splitPath(request.path);
  const above = await scanAnywhere(source, {...request, path: parent, isRecursive: false});
  if (above.reason !== undefined) return above;
  const again = await source.scan(request);
  return again.isUnknown ? above : sum(above, again);
}

function sum(a: ScanResult, b: ScanResult): ScanResult {
  return {
    ...b,
    isComplete: a.isComplete && b.isComplete,
    directories: a.directories + b.directories,
    entries: a.entries + b.entries,
    unchanged: a.unchanged + b.unchanged,
    unreadable: a.unreadable + b.unreadable,
  };
}

function toOrder({job, path, recursive}: OrderedScan): Order {
  return {job, path: fromBytes(Buffer.from(path, 'base64url')), isRecursive: recursive};
}
