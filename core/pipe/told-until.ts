import type {Source} from '../source/source.ts';
import type {Clock} from '../time/clock.ts';

/** A heartbeat waits no longer for an answer; the next one has it. */
const patienceMs = 500;

/**
 * Up to when the source has told all that its watcher saw, on the agent's clock: what is still to be looked at is in no queue. One
 * question is under way at a time, because a storage that hangs answers none.
 */
export class ToldUntil {
  readonly #source: Source;
  readonly #clock: Clock;
  #at: number | undefined;
  #asking: Promise<void> | undefined;

  constructor(source: Source, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** As it was answered last. Undefined: nothing is known yet. */
  get latest(): number | undefined {
    return this.#at;
  }

  /** Undefined: nothing is known yet. */
  async ask(signal: AbortSignal): Promise<number | undefined> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    const over = new AbortController();
    await Promise.race([this.#asking, this.#clock.sleep(patienceMs, AbortSignal.any([signal, over.signal]))]);
    over.abort('over');
    return this.#at;
  }

  /** What a source says that it cannot vouch for it tells in other ways: gaps, coverage, that it is not available. */
  async #ask(): Promise<void> {
    const at = this.#clock.monotonic();
    await this.#source.settle().then(
      () => (this.#at = at),
      () => undefined, // it fails as a whole, and whoever scans or looks is told
    );
  }
}
