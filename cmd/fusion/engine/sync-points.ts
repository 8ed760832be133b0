import {Signal} from '../../../core/pipe/signal.ts';
import type {SyncPointRequest, Unreached} from '../../../core/protocol/sync-point.ts';
import type {Clock} from '../../../core/time/clock.ts';

/** `seq`: of the tree's last change when it was reached. */
export type SyncPointResult = {seq: number} | Unreached;

type Point = {id: string; done: (result: SyncPointResult) => void; result: Promise<SyncPointResult>};
type Leader = {id: string; agent: string};

export type SyncPointsParts = {
  clock: Clock;
  randomId: () => string;
  leader: () => Leader | undefined;
  /** The view as it is: of the tree's last change, and of how many paths it is not known what is true. */
  view: () => {seq: number; doubts: number};
};

/** A pipe that was heard for so long and never asked for a sync point does not know of them. */
const neverAskedMs = 10_000;

/**
 * Sync points between those who want one and the leader's pipe. Callers share one as long as the pipe has not been told of it; then
 * the next gathers, so at most two are under way however many callers there are. Nothing of it is stored: a pipe is told
 * of the same one again when its word is missing, be it after a restart, and a new leader is told of what the old one was.
 */
export class SyncPoints {
  readonly #parts: SyncPointsParts;
  readonly #wanted = new Signal();
  /** Told to a pipe, which has not said what became of it. */
  #told: Point | undefined;
  /** Not told yet. */
  #next: Point | undefined;
  /** When each session was first heard, and whether it ever asked. */
  #heard = new Map<string, {at: number; hasAsked: boolean}>();

  constructor(parts: SyncPointsParts) {
    this.#parts = parts;
  }

  heard(session: string): void {
    if (!this.#heard.has(session)) this.#heard.set(session, {at: this.#parts.clock.monotonic(), hasAsked: false});
  }

  /** Forgets the sessions that are no more. */
  retain(isSession: (id: string) => boolean): void {
    for (const id of this.#heard.keys()) if (!isSession(id)) this.#heard.delete(id);
  }

  /** Never later than the time limit. */
  async reach(timeoutMs: number, signal: AbortSignal): Promise<SyncPointResult> {
    const {clock} = this.#parts;
    const leader = this.#parts.leader();
    if (!leader) return {reason: 'no_leader', message: 'No agent feeds the view now.'};
    const known = this.#heard.get(leader.id);
    if (known && !known.hasAsked && clock.monotonic() - known.at >= neverAskedMs) return tooOld(leader);
    this.#next ??= this.#newPoint();
    const {result} = this.#next;
    this.#wanted.raise();
    const over = new AbortController();
    const isLate = clock.sleep(timeoutMs, AbortSignal.any([signal, over.signal])).then(() => this.#late(timeoutMs));
    try {
      return await Promise.race([result, isLate]);
    } finally {
      over.abort('over');
    }
  }

  /** What the leading pipe `session` tells and asks. Resolves to the id of the point that is wanted, if there is one in time. */
  async ask(session: string, {told, wait_ms = 0}: SyncPointRequest, signal: AbortSignal): Promise<string | null> {
    const {clock, leader} = this.#parts;
    this.heard(session);
    this.#heard.get(session)!.hasAsked = true;
    if (told && told.id === this.#told?.id && leader()?.id === session) {
      this.#told.done(told.unreached ?? this.#reached());
      this.#told = undefined;
    }
    const until = clock.monotonic() + wait_ms;
    for (;;) {
      const seen = this.#wanted.count;
      if (signal.aborted || leader()?.id !== session) return null;
      this.#told ??= this.#takeNext();
      if (this.#told) return this.#told.id;
      const leftMs = until - clock.monotonic();
      if (leftMs <= 0) return null;
      await this.#wanted.wait(signal, seen, {clock, ms: leftMs});
    }
  }

  /** A change of the leader's may have come to nothing so far: the view waits for a look that no cache answers. */
  #reached(): SyncPointResult {
    const {seq, doubts} = this.#parts.view();
    if (doubts === 0) return {seq};
    const paths = doubts === 1 ? '1 path' : `${doubts} paths`;
    const message = `All is stored, but of ${paths} it is not known which agent told of the later change: the leader looks. Ask again.`;
    return {reason: 'in_doubt', message};
  }

  #newPoint(): Point {
    const {promise, resolve} = Promise.withResolvers<SyncPointResult>();
    return {id: this.#parts.randomId(), done: resolve, result: promise};
  }

  #takeNext(): Point | undefined {
    const next = this.#next;
    this.#next = undefined;
    return next;
  }

  #late(timeoutMs: number): Unreached {
    const leader = this.#parts.leader();
    if (!leader) return {reason: 'no_leader', message: 'No agent feeds the view any more.'};
    if (this.#heard.get(leader.id)?.hasAsked === false) return tooOld(leader);
    const message = `The agent "${leader.agent}", which leads, has not told within ${timeoutMs} ms that all was stored.`;
    return {reason: 'timed_out', message};
  }
}

function tooOld({agent}: Leader): Unreached {
  const message = `The agent "${agent}", which leads, has not asked for sync points: it may be of a version without them.`;
  return {reason: 'not_supported', message};
}
