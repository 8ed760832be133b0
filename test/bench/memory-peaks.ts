import {anonymousBytesOf} from './process-usage.ts';

const everyMs = 50;

/** The largest memory of its own that each of some processes had. */
export class MemoryPeaks {
  readonly #peaks = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(pids: () => number[]) {
    this.#timer = setInterval(() => {
      for (const pid of pids()) this.#note(pid);
    }, everyMs);
  }

  of(pid: number): number {
    return this.#peaks.get(pid) ?? 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #note(pid: number): void {
    try {
      this.#peaks.set(pid, Math.max(this.of(pid), anonymousBytesOf(pid)));
    } catch {
      // it has ended
    }
  }
}
