/**
 * Hybrid logical clock. A timestamp is one safe integer: milliseconds since 2024-01-01 UTC times 4096, plus a
 * counter. So timestamps compare and subtract as plain numbers, and last until 2093. 0 means "never".
 *
 * Invariant: a view's clock never goes back, whatever the wall clock does, because the last timestamp is stored in the
 * same transaction as what it stamped. If the wall clock stands behind it, the counter goes on into the milliseconds.
 */
export type Hlc = number;

const epochMs = Date.UTC(2024, 0, 1);
const ticksPerMs = 4096;

/** The next timestamp after `last`, at wall time `nowMs` (milliseconds since 1970). */
export function nextHlc(last: Hlc, nowMs: number): Hlc {
  return Math.max(last + 1, hlcAt(nowMs));
}

/** The first timestamp of a moment; 0 for moments before the epoch. */
export function hlcAt(wallMs: number): Hlc {
  return Math.max(0, Math.floor(wallMs - epochMs) * ticksPerMs);
}

/** A timestamp moved by a duration, never below 0. */
export function shiftHlc(hlc: Hlc, byMs: number): Hlc {
  return Math.max(0, hlc + Math.round(byMs) * ticksPerMs);
}

/** Wall time of a timestamp in milliseconds since 1970. */
export function hlcToMs(hlc: Hlc): number {
  return Math.floor(hlc / ticksPerMs) + epochMs;
}
