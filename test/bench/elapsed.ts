const startedAt = Number(process.env.FUSTOR_BENCH_STARTED_AT ?? Date.now());

/** How long the run has been going on: `12:07`. */
export function elapsed(): string {
  const seconds = Math.floor((Date.now() - startedAt) / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** A line of progress. */
export function say(text: string): void {
  console.log(`${elapsed()}  ${text}`);
}
