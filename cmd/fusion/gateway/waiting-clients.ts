import {type Breakable, breakOff} from './break-off.ts';

/** Most that one client gets at once, while few wait and while many do; and least that is worth a write. */
const chunkBytesMax = 128 * 1024;
const chunkBytesOfMany = 32 * 1024;
const chunkBytesMin = 4 * 1024;
const few = 16;
/** What several hundred clients may have in memory before the chunks get smaller still. */
const budgetBytes = 24 * 2 ** 20;

/** A client may take its time; who has taken nothing for this long is the first to go where there is no room. */
const stalledMs = 1_000;

/**
 * The answers of a gateway that wait for their clients to take what they were given.
 *
 * An answer has one chunk in memory and no more, and a chunk is the smaller the more of them wait: 128 KiB beside a few,
 * 32 KiB beside hundreds, 4 KiB beside many thousand. So any number of slow clients costs about 200 MiB at most, besides their
 * connections.
 */
export class WaitingClients {
  /** Since when, on the monotonic clock; who waits longest first. */
  readonly #since = new Map<Breakable, number>();

  get count(): number {
    return this.#since.size;
  }

  /** How large a chunk may be now. */
  get chunkBytes(): number {
    if (this.#since.size < few) return chunkBytesMax;
    const share = Math.floor(budgetBytes / this.#since.size);
    return Math.max(chunkBytesMin, Math.min(chunkBytesOfMany, share));
  }

  add(answer: Breakable): void {
    this.#since.set(answer, performance.now());
  }

  remove(answer: Breakable): void {
    this.#since.delete(answer);
  }

  /** Breaks off up to `count` answers whose clients took nothing for longest. Returns how many. */
  breakOff(count: number): number {
    const now = performance.now();
    let broken = 0;
    for (const [answer, since] of this.#since) {
      if (broken === count || now - since < stalledMs) break;
      this.#since.delete(answer);
      breakOff(answer);
      broken++;
    }
    return broken;
  }
}
