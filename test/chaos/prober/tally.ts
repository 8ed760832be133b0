import type {Latencies, PhaseReport, ProberReport} from './messages.ts';

type Counts = {asked: number; latencies: number[]};

/** Counts requests and keeps how long each took, by phase. */
export class Tally {
  readonly #phases = new Map<number, Counts>();
  /** Questions that were due and not asked. */
  skipped = 0;
  #onNew = 0;
  #onKept = 0;

  asked(phase: number, isNew: boolean): void {
    this.#of(phase).asked++;
    if (isNew) this.#onNew++;
    else this.#onKept++;
  }

  answered(phase: number, ms: number): void {
    this.#of(phase).latencies.push(ms);
  }

  report(): ProberReport {
    const phases = [...this.#phases].map(([phase, {asked, latencies}]): PhaseReport => {
      return {phase, asked, answered: latencies.length, latencies: summary(latencies)};
    });
    const all = [...this.#phases.values()].flatMap(({latencies}) => latencies);
    return {phases, overall: summary(all), onNew: this.#onNew, onKept: this.#onKept, skipped: this.skipped};
  }

  #of(phase: number): Counts {
    const known = this.#phases.get(phase);
    if (known) return known;
    const counts = {asked: 0, latencies: []};
    this.#phases.set(phase, counts);
    return counts;
  }
}

function summary(latencies: readonly number[]): Latencies {
  const sorted = Float64Array.from(latencies).sort();
  const at = (part: number) =>
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0) * 10) / 10;
  return {p50: at(0.5), p99: at(0.99), max: at(1)};
}
