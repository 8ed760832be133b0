type Waiting = {isAlone: boolean; enter: (leave: () => void) => void};

/** Lets everybody in at once, but whoever must be alone. In the order in which they came. */
export class Turnstile {
  #inside = 0;
  #isTaken = false;
  readonly #waiting: Waiting[] = [];

  /** Resolves to what leaves again. */
  enter({isAlone}: {isAlone: boolean}): Promise<() => void> {
    const {promise, resolve} = Promise.withResolvers<() => void>();
    this.#waiting.push({isAlone, enter: resolve});
    this.#admit();
    return promise;
  }

  #admit(): void {
    while (this.#waiting.length > 0) {
      const {isAlone, enter} = this.#waiting[0]!;
      if (this.#isTaken || (isAlone && this.#inside > 0)) return;
      this.#waiting.shift();
      this.#inside++;
      this.#isTaken = isAlone;
      enter(() => {
        this.#inside--;
        if (isAlone) this.#isTaken = false;
        this.#admit();
      });
    }
  }
}
