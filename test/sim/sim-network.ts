import {FustorError} from '../../core/errors/fustor-error.ts';
import {syncPointRequest} from '../../core/protocol/sync-point.ts';
import type {Sender} from '../../core/sender/sender.ts';
import type {Prng} from '../lib/prng.ts';
import type {SimFusion} from './sim-fusion.ts';
import type {VirtualTime} from './virtual-time.ts';

export type Weather = {
  /** Of a message, one way. */
  delayMs: {min: number; max: number};
  /** Of a hundred messages so many are lost, and so many arrive twice. */
  lostPercent: number;
  doubledPercent: number;
};

const timeoutMs = 5_000;

/** An agent's way to the fusion: messages take a while, overtake each other, get lost, arrive twice, or not at all. */
export class SimNetwork implements Sender {
  readonly #fusion: SimFusion;
  readonly #time: VirtualTime;
  readonly #random: Prng;
  readonly #weather: () => Weather;
  readonly #trace: (line: string) => void;
  #isCut = false;
  #isDead = false;

  constructor(
    fusion: SimFusion,
    parts: {time: VirtualTime; random: Prng; weather: () => Weather; trace: (line: string) => void},
  ) {
    this.#fusion = fusion;
    this.#time = parts.time;
    this.#random = parts.random;
    this.#weather = parts.weather;
    this.#trace = parts.trace;
  }

  /** What is under way is lost too. */
  partition(ms: number): void {
    this.#isCut = true;
    this.#time.after(ms, () => {
      this.#isCut = false;
    });
  }

  /** The agent died: nothing that it sent and that has not arrived counts any more. */
  die(): void {
    this.#isDead = true;
  }

  open: Sender['open'] = (request, signal) =>
    this.#call('open', () => this.#fusion.call(engine => engine.open(request, 'key')), signal);

  heartbeat: Sender['heartbeat'] = (session, request, signal) =>
    this.#call('heartbeat', () => this.#fusion.call(engine => engine.heartbeat(session, request, signal)), signal);

  syncPoint: Sender['syncPoint'] = (session, request, signal) =>
    this.#call(
      'sync point',
      () => this.#fusion.call(engine => engine.askSyncPoint(session, syncPointRequest.parse(request), signal)),
      signal,
    );

  send: Sender['send'] = (batch, signal) =>
    this.#call(
      `batch ${batch.session} ${batch.number}`,
      () => this.#fusion.call(engine => engine.receive(batch)),
      signal,
    );

  end: Sender['end'] = (session, signal) =>
    this.#call('end', () => this.#fusion.call(engine => engine.end(session)), signal);

  async close(): Promise<void> {}

  async #call<T>(what: string, deliver: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const answer = Promise.withResolvers<T>();
    const {doubledPercent} = this.#weather();
    const copies = this.#random.below(100) < doubledPercent ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) void this.#roundTrip(what, deliver, answer);
    const stop = new AbortController();
    signal.addEventListener('abort', () => stop.abort(), {once: true, signal: stop.signal});
    const unreachable = this.#time.sleep(timeoutMs, stop.signal).then((): never => {
      throw new FustorError('UNREACHABLE', 'No answer.');
    });
    try {
      return await Promise.race([answer.promise, unreachable]);
    } finally {
      unreachable.catch(() => {});
      answer.promise.catch(() => {});
      stop.abort('answered');
    }
  }

  async #roundTrip<T>(what: string, deliver: () => Promise<T>, answer: PromiseWithResolvers<T>): Promise<void> {
    if (!(await this.#travels())) return;
    try {
      const result = await deliver();
      this.#trace(`${what} ${JSON.stringify(result)}`);
      if (await this.#travels()) answer.resolve(result);
    } catch (error) {
      this.#trace(`${what} ${error instanceof FustorError ? error.code : String(error)}`);
      if (await this.#travels()) answer.reject(error);
    }
  }

  async #travels(): Promise<boolean> {
    const {delayMs, lostPercent} = this.#weather();
    const isLost = this.#isCut || this.#random.below(100) < lostPercent;
    await this.#time.sleep(delayMs.min + this.#random.next() ** 3 * (delayMs.max - delayMs.min));
    return !isLost && !this.#isCut && !this.#isDead;
  }
}
