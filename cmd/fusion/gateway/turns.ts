/** Longer than any chunk takes, and short beside what a client notices. */
const turnMs = 1;
const wholesMax = 4;

/**
 * Whose turn it is among the long answers of a gateway: each puts its next slice of work at the end of one queue, and the
 * event loop gets no more than about a millisecond of it before it looks at its sockets again. So a small request waits for
 * a millisecond and a slice at most, however many long answers there are; and these get their slices in a round.
 *
 * A slice is some tenths of a millisecond, handles its own errors, and asks for its next turn itself.
 */
export class Turns {
  readonly #slices: (() => void)[] = [];
  #isPlanned = false;
  /** Pieces of work under way, and those that wait for one to end. */
  #wholes = 0;
  readonly #waiting: (() => void)[] = [];

  take(slice: () => void): void {
    this.#slices.push(slice);
    this.#plan();
  }

  /**
   * Work that is done when `slice` says so, the first slice of it at once. Only a few pieces of work go on at a time: they
   * keep what they have found in memory. Rejects with what a slice throws.
   */
  async whole(slice: () => boolean): Promise<void> {
    if (slice()) return;
    if (this.#wholes === wholesMax) await new Promise<void>(resolve => this.#waiting.push(resolve));
    else this.#wholes++;
    try {
      await this.#goOn(slice);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#wholes--;
    }
  }

  #goOn(slice: () => boolean): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const goOn = () => {
        try {
          if (slice()) resolve();
          else this.take(goOn);
        } catch (error) {
          reject(error);
        }
      };
      this.take(goOn);
    });
  }

  #plan(): void {
    if (this.#isPlanned || this.#slices.length === 0) return;
    this.#isPlanned = true;
    // What is planned from within an immediate comes after the sockets were looked at.
    setImmediate(() => {
      this.#isPlanned = false;
      this.#run();
      this.#plan();
    });
  }

  #run(): void {
    const until = performance.now() + turnMs;
    do this.#slices.shift()?.();
    while (this.#slices.length > 0 && performance.now() < until);
  }
}
