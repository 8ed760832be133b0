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
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Resolves when it was raised after `seen`, when `signal` aborts, or after the time limit. */
  async wait(signal: AbortSignal, seen: number, limit?: {clock: Clock; ms: number}): Promise<void> {
    if (signal.aborted || this.#count !== seen) return;
    const done = new AbortController();
    await new Promise<void>(resolve => {
      this.#waiting.add(resolve);
      signal.addEventListener('abort', () => resolve(), {once: true, signal: done.signal});
      void limit?.clock.sleep(limit.ms, done.signal).then(resolve);
      done.signal.addEventListener('abort', () => this.#waiting.delete(resolve), {once: true});
    });
    done.abort('over'); // without a reason an exception with a stack would be made each time
  }
}
