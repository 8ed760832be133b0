import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Clock} from '../../../core/time/clock.ts';

/** A pipe's window is on its way over several connections: how long a batch waits for an earlier one that is late. */
const waitMs = 2_000;

type Turn = {end(): void};

/** Lets the batches of each session begin in the order of their numbers. */
export class BatchOrder {
  readonly #clock: Clock;
  readonly #sessions = new Map<string, {begun: number; isRunning: number; waiting: Set<() => void>}>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves when all earlier batches of the session have begun, which with a store that runs its bodies in order is
   * enough. `lastBatch` tells the number of the last one that is stored. Rejects with BATCH_OUT_OF_ORDER.
   */
  async turn({session, number}: {session: string; number: number}, lastBatch: () => number): Promise<Turn> {
    let state = this.#sessions.get(session);
    if (!state) {
      state = {begun: lastBatch(), isRunning: 0, waiting: new Set()};
      this.#sessions.set(session, state);
    }
    // Nothing is under way: what is stored is the truth, also after a batch that failed.
    if (state.isRunning === 0 && state.waiting.size === 0) state.begun = lastBatch();
    const deadline = this.#clock.monotonic() + waitMs;
    while (number > state.begun + 1) {
      const left = deadline - this.#clock.monotonic();
      if (left <= 0) {
        const expected = state.begun + 1;
        throw new FustorError('BATCH_OUT_OF_ORDER', `Batch ${number} came before batch ${expected}.`, {
          details: {expected},
        });
      }
      await this.#next(state, left);
    }
    state.begun = Math.max(state.begun, number);
    state.isRunning++;
    this.#wake(state);
    return {
      end: () => {
        state.isRunning--;
        if (state.isRunning === 0 && state.waiting.size === 0) this.#sessions.delete(session);
      },
    };
  }

  /** Resolves when another batch begins, or after so long. */
  async #next(state: {waiting: Set<() => void>}, ms: number): Promise<void> {
    const isWoken = new AbortController();
    const wake = () => isWoken.abort('begun');
    state.waiting.add(wake);
    await this.#clock.sleep(ms, isWoken.signal);
    state.waiting.delete(wake);
  }

  #wake(state: {waiting: Set<() => void>}): void {
    for (const wake of [...state.waiting]) wake();
  }
}
