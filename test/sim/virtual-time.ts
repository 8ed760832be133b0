import type {Clock} from '../../core/time/clock.ts';

type Timer = {at: number; number: number; run: () => void};

/**
 * Time that passes only when nothing is left to do at the present moment. Everything that runs on it uses promises and
 * these timers only, so the same program does the same in the same order.
 */
export class VirtualTime {
  /** Milliseconds since the simulation began. */
  now = 0;
  #timers: Timer[] = [];
  #lastNumber = 0;

  after(ms: number, run: () => void): () => void {
    const timer = {at: this.now + Math.max(0, ms), number: ++this.#lastNumber, run};
    let from = 0;
    let to = this.#timers.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#timers[middle]!.at <= timer.at) from = middle + 1;
      else to = middle;
    }
    this.#timers.splice(from, 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index !== -1) this.#timers.splice(index, 1);
    };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted) return resolve();
      const cancel = this.after(ms, resolve);
      signal?.addEventListener(
        'abort',
        () => {
          cancel();
          resolve();
        },
        {once: true},
      );
    });
  }

  /** `observe` is called when all that a moment brings is done. */
  async runUntil(ms: number, observe: () => void): Promise<void> {
    for (;;) {
      await settled();
      observe();
      const next = this.#timers[0];
      if (!next || next.at > ms) break;
      this.#timers.shift();
      this.now = next.at;
      next.run();
    }
    this.now = ms;
  }

  /** A host's clock: its wall may be set, its monotonic one began somewhere of its own. */
  clock(monotonicAtStart: number, wallAt: () => number): Clock {
    return {
      now: wallAt,
      monotonic: () => monotonicAtStart + this.now,
      sleep: (ms, signal) => this.sleep(ms, signal),
    };
  }
}

/** All microtasks have run. */
function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
