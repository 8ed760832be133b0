export type Sample = {atS: number; value: number};
export type Trend = {mean: number; perHour: number; growth: number; samples: number; limit: number; isFlat: boolean};

/** Within less than this a process is still finding its size. */
const spanSMin = 600;

/**
 * Whether something grows: a straight line through samples, by least squares. `growth` is what the line gains from the first
 * to the last sample. It is flat when that is no more than `part` of the mean, or than `floor`, which is what a process that is
 * idle in one minute and busy in the next may differ by; and as long as there are not ten minutes of it.
 */
export function trendOf(samples: readonly Sample[], {part, floor}: {part: number; floor: number}): Trend {
  const count = samples.length;
  const mean = average(samples.map(({value}) => value));
  const limit = Math.max(floor, mean * part);
  if (count < 3) return {mean, perHour: 0, growth: 0, samples: count, limit, isFlat: true};
  const middle = average(samples.map(({atS}) => atS));
  const spread = samples.reduce((sum, {atS}) => sum + (atS - middle) ** 2, 0);
  const slope = samples.reduce((sum, {atS, value}) => sum + (atS - middle) * (value - mean), 0) / spread;
  const spanS = samples.at(-1)!.atS - samples[0]!.atS;
  const growth = slope * spanS;
  return {mean, perHour: slope * 3600, growth, samples: count, limit, isFlat: growth <= limit || spanS < spanSMin};
}

export function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
