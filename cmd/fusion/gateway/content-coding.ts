import {accepts} from 'hono/accepts';
import type {GatewayContext} from './app.ts';

/** What an answer can be compressed with, what we like best first. */
const codings = ['zstd', 'gzip'] as const;
export type Coding = (typeof codings)[number];

/**
 * What the client likes best (RFC 9110, 12.5.3), undefined for the answer as it is: also for a client that refuses that, too,
 * because it is better off with an answer that it did not want than with none.
 */
export function acceptedCoding(context: GatewayContext): Coding | undefined {
  const chosen = accepts(context, {
    header: 'Accept-Encoding',
    supports: [...codings],
    default: '',
    match: accepted => best(new Map(accepted.map(({type, q}) => [type.toLowerCase(), q]))) ?? '',
  });
  return chosen === '' ? undefined : (chosen as Coding);
}

/** What is not named has the weight of `*`; the answer as it is always goes, but is wanted only where it is named. */
function best(weights: ReadonlyMap<string, number>): Coding | undefined {
  const weightOf = (coding: Coding) => weights.get(coding) ?? weights.get('*') ?? 0;
  const coding = codings.reduce((a, b) => (weightOf(b) > weightOf(a) ? b : a));
  const weight = weightOf(coding);
  return weight > 0 && weight >= (weights.get('identity') ?? 0) ? coding : undefined;
}
