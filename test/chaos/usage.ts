import {type Kind, kinds, usageOf} from './site/census.ts';
import type {ChaosSite} from './site/chaos-site.ts';
import {average, type Trend, trendOf} from './trend.ts';

export type UsageRow = {stage: string; kind: Kind; memory: Trend; descriptors: Trend};
type Sample = {kind: Kind; atS: number; ageS: number; bytes: number; descriptors: number};

const intervalMs = 5_000;
/** A process that has just started is smaller than it will be. */
const youngMs = 10_000;
const warmUpMs = 60_000;
const memoryLimit = {part: 0.25, floor: 48 * 2 ** 20};
/** Connections come and go; files and sockets that are never closed add up. */
const descriptorLimit = {part: 0.25, floor: 25};

/** Memory and descriptors of all processes of a site over time. */
export class Usage {
  readonly #site: ChaosSite;
  readonly #startedAt = performance.now();
  readonly #bornAt = new Map<string, number>();
  readonly #samples: Sample[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(site: ChaosSite) {
    this.#site = site;
    this.#timer = setInterval(() => this.#sample(), intervalMs);
  }

  stop(stage: string): UsageRow[] {
    clearInterval(this.#timer);
    return kinds.map(kind => {
      const samples = this.#samples.filter(sample => sample.kind === kind);
      const of = (key: 'bytes' | 'descriptors') =>
        withoutAge(samples.map(({atS, ageS, [key]: value}) => ({atS, ageS, value})));
      return {
        stage,
        kind,
        memory: trendOf(of('bytes'), memoryLimit),
        descriptors: trendOf(of('descriptors'), descriptorLimit),
      };
    });
  }

  #sample(): void {
    const now = performance.now();
    for (const {pid, startTime, kind} of this.#site.processes()) {
      const id = `${pid} ${startTime}`;
      const bornAt = this.#bornAt.get(id) ?? now;
      this.#bornAt.set(id, bornAt);
      const usage = usageOf(pid);
      if (!usage || now - bornAt < youngMs || now - this.#startedAt < warmUpMs) continue;
      const [atS, ageS] = [(now - this.#startedAt) / 1_000, (now - bornAt) / 1_000];
      this.#samples.push({kind, atS, ageS, ...usage});
    }
  }
}

const grownUpS = 160;

/**
 * A process grows while it is young. Where the ages are mixed by chance, what is usual at an age is taken off; those that have
 * grown up have nothing to be forgiven.
 */
export function withoutAge<T extends {ageS: number; value: number}>(samples: readonly T[]): T[] {
  const stageOf = ({ageS}: T) => Math.floor(Math.log2(Math.min(ageS, grownUpS) / 10));
  const usual = new Map<number, number>();
  for (const [stage, same] of Map.groupBy(samples, stageOf)) usual.set(stage, average(same.map(({value}) => value)));
  const mean = average(samples.map(({value}) => value));
  return samples.map(sample => ({...sample, value: sample.value - usual.get(stageOf(sample))! + mean}));
}
