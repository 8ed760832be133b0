import {readFileSync} from 'node:fs';

/** Resident memory of a process without what is mapped from files, as the tree itself is; 0 when it has ended. */
export function anonymousBytes(pid: number): number {
  try {
    return Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

const everyMs = 50;

/** The largest that each of some processes had, from its making to its end. */
export class MemoryPeaks {
  readonly #peaks = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(pids: () => number[]) {
    this.#timer = setInterval(() => {
      for (const pid of pids()) this.#peaks.set(pid, Math.max(this.of(pid), anonymousBytes(pid)));
    }, everyMs);
  }

  of(pid: number): number {
    return this.#peaks.get(pid) ?? 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
