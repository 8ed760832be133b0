import type {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Log} from '../../../core/log/log.ts';
import type {Clock} from '../../../core/time/clock.ts';

/** One episode is told once: a small write may succeed now and then on a disk that is full for others. */
const quietMs = 10_000;
const giveUpAfterMs = 30_000;

/** What the store suffers from, told at the beginning and at the end. */
export class StoreTrouble {
  readonly #clock: Clock;
  readonly #log: Log;
  #lastAt: number | undefined;
  #failing: {since: number; error: FustorError} | undefined;

  constructor({clock, log}: {clock: Clock; log: Log}) {
    this.#clock = clock;
    this.#log = log;
  }

  get isOn(): boolean {
    return this.#lastAt !== undefined;
  }

  /** STORE_FULL or STORE_FAILED. */
  note(error: FustorError): void {
    const now = this.#clock.monotonic();
    if (!this.isOn) {
      this.#log.error({error: error.message, hint: error.hint}, 'nothing can be stored; queries go on, agents wait');
    }
    this.#lastAt = now;
    if (error.code === 'STORE_FAILED') this.#failing ??= {since: now, error};
    else this.#failing = undefined;
  }

  noteSuccess(): void {
    this.#failing = undefined;
    if (this.#lastAt === undefined || this.#clock.monotonic() - this.#lastAt < quietMs) return;
    this.#lastAt = undefined;
    this.#log.info({}, 'the store can be written to again');
  }

  /** A disk that is full is waited for; what else does not go away may go with this process. Throws STORE_FAILED then. */
  giveUp(): void {
    if (this.#failing && this.#clock.monotonic() - this.#failing.since >= giveUpAfterMs) throw this.#failing.error;
  }
}
