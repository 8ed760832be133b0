export type RestartLimits = {
  /** The longest pause before another start. */
  pauseMsMax: number;
  /** So many deaths within the window are too many; undefined: never. */
  quarantine: {deaths: number; windowMs: number} | undefined;
};

const pauseMsMin = 500;
/** One that ran this long did not die at its start: the pauses begin anew. */
const settledMs = 60_000;

/** How long a part that died waits for its next start: at random below a ceiling that doubles, so that many spread out. */
export class RestartPolicy {
  #attempt = 0;
  #deaths: number[] = [];

  /** `at` and `uptimeMs` on a monotonic clock, `random` in [0, 1). Undefined: into quarantine. */
  pauseAfter(
    {at, uptimeMs, random}: {at: number; uptimeMs: number; random: number},
    {quarantine, pauseMsMax}: RestartLimits,
  ): number | undefined {
    if (uptimeMs >= settledMs) this.#attempt = 0;
    if (quarantine) {
      this.#deaths = [...this.#deaths.filter(death => at - death < quarantine.windowMs), at];
      if (this.#deaths.length >= quarantine.deaths) return undefined;
    }
    this.#attempt = Math.min(this.#attempt + 1, 30);
    const ceiling = Math.min(pauseMsMax, pauseMsMin * 2 ** this.#attempt);
    return Math.round(pauseMsMin + random * (ceiling - pauseMsMin));
  }

  /** Somebody changed something: what was before counts no more. */
  forget(): void {
    this.#attempt = 0;
    this.#deaths = [];
  }
}
