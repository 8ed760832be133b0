const leastMs = 10_000;
const mostMs = 300_000;

/**
 * Between rescans that rejected batches make due: what is rejected may be so because of what the view has stored, and then each
 * rescan brings the next rejection. The first rescan waits for nothing, each that follows soon for twice as long as the one before.
 */
export class RescanPause {
  #pauseMs = 0;
  #until = Number.NEGATIVE_INFINITY;

  /** A rescan that a rejection had made due has ended. */
  ended({beganAt, now}: {beganAt: number; now: number}): void {
    const isSoon = beganAt - this.#until < mostMs;
    this.#pauseMs = isSoon ? Math.min(mostMs, Math.max(leastMs, 2 * this.#pauseMs)) : leastMs;
    this.#until = now + this.#pauseMs;
  }

  /** How long the next one has to wait. */
  leftMs(now: number): number {
    return Math.max(0, this.#until - now);
  }
}
