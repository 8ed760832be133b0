/** A rescan follows what may have been missed, with pauses that grow while that happens again and again. */
const pauseMs = {min: 1_000, max: 60_000};

/** Rescans that are due: one at a time, and what happens before it begins is covered by it. */
export class Rescans {
  readonly #rescan: () => Promise<void>;
  #timer: NodeJS.Timeout | undefined;
  #pauseMs = pauseMs.min;
  #planned = 0;
  #isStopped = false;
  #isRunning = false;

  constructor(rescan: () => Promise<void>) {
    this.#rescan = rescan;
  }

  /** What may have been missed has not been read again yet. */
  get isDue(): boolean {
    return this.#timer !== undefined || this.#isRunning;
  }

  /** What is planned while one runs comes behind it: that one may have read already what was missed only now. */
  plan(): void {
    this.#planned++;
    if (!this.#timer && !this.#isRunning) this.#runSoon();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #runSoon(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => this.#run(), this.#pauseMs).unref();
    this.#pauseMs = Math.min(pauseMs.max, this.#pauseMs * 2);
  }

  async #run(): Promise<void> {
    const planned = this.#planned;
    this.#timer = undefined;
    this.#isRunning = true;
    await this.#rescan();
    this.#isRunning = false;
    if (planned === this.#planned) this.#pauseMs = pauseMs.min;
    else this.#runSoon();
  }
}
