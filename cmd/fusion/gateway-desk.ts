import {isDeepStrictEqual} from 'node:util';
import {follow} from '../../core/pipe/follow.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {PartReport} from '../../core/shell/part-report.ts';
import type {Clock} from '../../core/time/clock.ts';
import type {Key} from '../http/keys.ts';
import {partSocket} from '../shell/child-process.ts';
import {requestUnix} from '../unix-socket.ts';

type DeskParts = {
  /** Of all gateways, also of those that leave. */
  report: () => PartReport[];
  /** Raised when there may be others. */
  changed: Signal;
  runDirectory: string;
  clock: Clock;
  /** Whether there is a controller that is told of them. */
  isViewsWanted: () => boolean;
};

const answerMs = 1_000;
const againMs = 200;
const viewsEveryMs = 2_000;

/**
 * What the shell has to say to running gateways, and to ask them.
 *
 * 1. A key counts, or counts no more, in every gateway within a second, and none is replaced for that.
 * 2. How the views are is what a gateway said last; when none answers it is that.
 */
export class GatewayDesk {
  readonly #parts: DeskParts;
  #keys: readonly Key[] = [];
  /** The processes that have these keys. */
  #told = new Set<number>();
  readonly #toTell = new Signal();
  #views: Record<string, unknown>[] = [];
  /** Raised when a view has another leader, other sessions, or is otherwise synchronized. */
  readonly viewsChanged = new Signal();

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  get keys(): readonly Key[] {
    return this.#keys;
  }

  get views(): Record<string, unknown>[] {
    return this.#views;
  }

  /** Those that count from now on. */
  useKeys(keys: readonly Key[]): void {
    if (isDeepStrictEqual(keys, this.#keys)) return;
    this.#keys = keys;
    this.#told = new Set();
    this.#toTell.raise();
  }

  /** Resolves when `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#toTell.raise();
    await Promise.all([
      follow(this.#parts.changed, () => this.#toTell.raise(), signal),
      this.#tellKeys(signal),
      this.#askViews(signal),
    ]);
  }

  /** One that was just started may have begun with the keys before: all are told, once each. */
  async #tellKeys(signal: AbortSignal): Promise<void> {
    const {clock, report} = this.#parts;
    while (!signal.aborted) {
      const seen = this.#toTell.count;
      const untold = report().filter(({pid}) => pid !== undefined && !this.#told.has(pid));
      const isDone = (await Promise.all(untold.map(part => this.#tell(part)))).every(Boolean);
      await this.#toTell.wait(signal, seen, isDone ? undefined : {clock, ms: againMs});
    }
  }

  async #tell({name, pid}: PartReport): Promise<boolean> {
    const keys = this.#keys;
    const isTold = await this.#ask(name, {method: 'PUT', path: '/keys', body: Buffer.from(JSON.stringify(keys))});
    if (isTold === undefined || keys !== this.#keys) return false;
    this.#told.add(pid!);
    return true;
  }

  async #askViews(signal: AbortSignal): Promise<void> {
    const {clock, report, isViewsWanted} = this.#parts;
    while (!signal.aborted) {
      for (const {name} of isViewsWanted() ? report().filter(({state}) => state === 'running') : []) {
        const answer = await this.#ask(name, {method: 'GET', path: '/views'});
        if (answer === undefined) continue;
        this.#noteViews((JSON.parse(answer.toString()) as {data: Record<string, unknown>[]}).data);
        break;
      }
      await clock.sleep(viewsEveryMs, signal);
    }
  }

  #noteViews(views: Record<string, unknown>[]): void {
    const isNews = !isDeepStrictEqual(views.map(newsOf), this.#views.map(newsOf));
    this.#views = views;
    if (isNews) this.viewsChanged.raise();
  }

  /** Undefined: it does not answer so. */
  async #ask(name: string, question: {method: string; path: string; body?: Uint8Array}): Promise<Buffer | undefined> {
    try {
      const socket = partSocket(this.#parts.runDirectory, name);
      const {status, body} = await requestUnix({...question, socket, timeoutMs: answerMs});
      return status === 200 ? body : undefined;
    } catch {
      return undefined;
    }
  }
}

type ViewAnswer = {data?: {agents?: {session?: unknown; role?: unknown}[]}; meta?: {sync?: unknown; leader?: unknown}};

function newsOf(view: Record<string, unknown>): unknown {
  const {data, meta} = view as ViewAnswer;
  return [view.view, meta?.sync, meta?.leader, data?.agents?.map(({session, role}) => [session, role])];
}
