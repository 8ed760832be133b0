import {type Kind, kinds, usageOf} from './site/census.ts';
import type {ChaosSite} from './site/chaos-site.ts';
import {type Trend, trendOf} from './trend.ts';

export type UsageRow = {stage: string; kind: Kind; memory: Trend; descriptors: Trend};
type Sample = {kind: Kind; atS: number; bytes: number; descriptors: number};

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
      const of = (key: 'bytes' | 'descriptors') =>
        this.#samples.filter(sample => sample.kind === kind).map(({atS, [key]: value}) => ({atS, value}));
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
      this.#samples.push({kind, atS: (now - this.#startedAt) / 1_000, ...usage});
    }
  }
}
