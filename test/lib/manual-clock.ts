import type {Clock} from '../../core/time/clock.ts';

type Sleeper = {at: number; wake: () => void};

/** Time that passes when it is told to; `wallMs` may be set apart from the monotonic clock. */
export class ManualClock implements Clock {
  wallMs = 1_700_000_000_000;
  #monotonic = 1_000;
  #sleepers = new Set<Sleeper>();

  now(): number {
    return this.wallMs;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    await new Promise<void>(resolve => {
      const sleeper = {at: this.#monotonic + ms, wake: resolve};
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', () => this.#wake(sleeper), {once: true});
    });
  }

  /** Wakes those whose time has come, each at its moment. */
  async pass(ms: number): Promise<void> {
    const until = this.#monotonic + ms;
    for (;;) {
      await settled();
      const [next] = [...this.#sleepers].filter(({at}) => at <= until).sort((a, b) => a.at - b.at);
      this.#goTo(next?.at ?? until);
      if (!next) return;
      this.#wake(next);
    }
  }

  #goTo(monotonic: number): void {
    this.wallMs += Math.max(0, monotonic - this.#monotonic);
    this.#monotonic = Math.max(this.#monotonic, monotonic);
  }

  #wake(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
    sleeper.wake();
  }
}

/** When all that could go on by itself has. */
export function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(() => setImmediate(resolve)));
}
