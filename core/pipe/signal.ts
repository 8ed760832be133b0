import type {Clock} from '../time/clock.ts';

/**
 * Wakes those who wait that something changed. Take `count` before you look at what you wait for, and hand it to `wait`: a
 * `raise` that came in between is then not missed.
 */
export class Signal {
  #waiting = new Set<() => void>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  raise(): void {
    this.#count++;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves when it was raised after `seen`, when `signal` aborts, or after the time limit. */
  async wait(signal: AbortSignal, seen: number, limit?: {clock: Clock; ms: number}): Promise<void> {
    if (signal.aborted || this.#count !== seen) return;
    await new Promise<void>(resolve => {
      const over = limit && new AbortController();
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        over?.abort('over'); // without a reason an exception with a stack would be made each time
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
      void limit?.clock.sleep(limit.ms, over?.signal).then(wake);
    });
  }
}
