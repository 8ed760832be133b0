/** Full jitter: a random delay below a ceiling that doubles with each attempt, so that many who failed together spread out. */
export type Backoff = {minMs: number; maxMs: number};

/**
 * `attempt` counts from 0; `random` is in [0, 1). With `leastMs`, which the other side asked for, it is that and up to half of
 * it more, or what it would be without if that is longer.
 */
export function backoffMs({minMs, maxMs}: Backoff, attempt: number, random: number, leastMs = 0): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  return Math.round(Math.max(minMs / 2 + random * (ceiling - minMs / 2), leastMs * (1 + random / 2)));
}
