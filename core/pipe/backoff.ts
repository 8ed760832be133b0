/** Full jitter: a random delay below a ceiling that doubles with each attempt, so that many who failed together spread out. */
export type Backoff = {minMs: number; maxMs: number};

/** `attempt` counts from 0; `random` is in [0, 1). */
export function backoffMs({minMs, maxMs}: Backoff, attempt: number, random: number): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
  return Math.round(minMs / 2 + random * (ceiling - minMs / 2));
}
