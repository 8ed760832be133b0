import type {FileTime} from '../../core/entry/entry.ts';
import {timeToMs} from './stamps.ts';

/** Two clocks that are not set right in between may drift apart by this. */
const drift = 1e-4;

/**
 * What the storage's own clock has reached at least, without asking any clock for more than a duration: when a change time was
 * seen, the storage had reached it.
 */
export class StorageTime {
  #changedMs = Number.NEGATIVE_INFINITY;
  #seenAt = 0;

  /** A change time, and when it was seen, in milliseconds of the agent's monotonic clock. */
  saw(ctime: FileTime, seenAt: number): void {
    const changedMs = timeToMs(ctime);
    if (changedMs < this.atLeast(seenAt)) return;
    this.#changedMs = changedMs;
    this.#seenAt = seenAt;
  }

  /** Milliseconds since 1970 that the storage's clock showed at least, at a moment of the agent's; -Infinity when nothing is known. */
  atLeast(at: number): number {
    const passed = at - this.#seenAt;
    return this.#changedMs + passed - Math.abs(passed) * drift;
  }
}
