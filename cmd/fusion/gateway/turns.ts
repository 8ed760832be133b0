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
  /** First slices of answers. They do not wait for a whole round, and may not keep it up: one of them, one of the others. */
  readonly #firsts: (() => void)[] = [];
  #wasFirst = false;
  #isPlanned = false;
  /** Pieces of work under way, and those that wait for one to end. */
  #wholes = 0;
  readonly #waiting: (() => void)[] = [];

  take(slice: () => void): void {
    this.#slices.push(slice);
    this.#plan();
  }

  /** The first slice of an answer that may be long: after the sockets were looked at, before those that go on. */
  first<T>(slice: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#firsts.push(() => {
        try {
          resolve(slice());
        } catch (error) {
          reject(error);
        }
      });
      this.#plan();
    });
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
    if (this.#isPlanned || this.#isEmpty) return;
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
    while (!this.#isEmpty) {
      this.#wasFirst = !this.#wasFirst;
      const [wanted, other] = this.#wasFirst ? [this.#firsts, this.#slices] : [this.#slices, this.#firsts];
      (wanted.length > 0 ? wanted : other).shift()!();
      if (performance.now() >= until) return;
    }
  }

  get #isEmpty(): boolean {
    return this.#slices.length === 0 && this.#firsts.length === 0;
  }
}
