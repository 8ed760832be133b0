import {fromText} from '../../core/entry/byte-string.ts';
import type {Path} from '../../core/entry/path.ts';
import {Prng} from '../lib/prng.ts';
import type {Weather} from './sim-network.ts';

/** What happens from outside, each at its moment: so a scenario can be run again without some of it. */
export type Action = {at: number} & (
  | {kind: 'make' | 'mkdir' | 'change' | 'open' | 'remove'; client: number; path: Path}
  | {kind: 'move'; client: number; path: Path; to: Path}
  | {kind: 'partition' | 'crash' | 'overflow'; agent: number; ms: number}
  /** An agent tells things that are not so, with times of its own making. */
  | {kind: 'forge'; agent: number; path: Path; to: Path; ms: number}
  | {kind: 'fusion-crash'; ms: number}
  /** A clock is set: the fusion's wall, or the storage's own. */
  | {kind: 'wall-step' | 'storage-step'; ms: number}
);

export type Scenario = {
  seed: number;
  agents: number;
  /** How long caches of names and attributes may be wrong. */
  cacheMs: number;
  weather: Weather;
  /** When the last action may happen. */
  untilMs: number;
  actions: readonly Action[];
};

const names = ['a', 'b', 'c', 'f', 'g'];
const hour = 3_600_000;

const weathers: readonly Weather[] = [
  {delayMs: {min: 1, max: 5}, lostPercent: 0, doubledPercent: 0},
  {delayMs: {min: 1, max: 300}, lostPercent: 1, doubledPercent: 2},
  {delayMs: {min: 5, max: 4_000}, lostPercent: 5, doubledPercent: 10},
];

/** The scenario of a seed: the same for the same seed, for ever. */
export function scenarioOf(seed: number): Scenario {
  const random = new Prng(seed);
  const agents = 1 + random.below(3);
  const untilMs = 20_000 + random.below(100_000);
  const cacheMs = random.pick([0, 2_000, 15_000])!;
  const weather = random.pick(weathers)!;
  const actions: Action[] = [];
  const operations = 20 + random.below(150);
  for (let i = 0; i < operations; i++) actions.push(operation(random, agents, random.below(untilMs)));
  const faults = random.below(8);
  for (let i = 0; i < faults; i++) actions.push(fault(random, agents, random.below(untilMs)));
  actions.push(...forgeries(seed, agents, untilMs));
  return {seed, agents, cacheMs, weather, untilMs, actions: actions.sort((a, b) => a.at - b.at)};
}

/** In every fifth scenario, with a generator of their own, so that the others stay what they were. */
function forgeries(seed: number, agents: number, untilMs: number): Action[] {
  const random = new Prng(seed ^ 0x5bd1e995);
  if (random.below(5) !== 0) return [];
  return Array.from({length: 1 + random.below(10)}, (): Action => {
    const at = random.below(untilMs);
    const ms = (random.below(2) ? 1 : -1) * random.pick([3_000, hour, 24 * 365 * 30 * hour])!;
    return {at, kind: 'forge', agent: random.below(agents), path: somePath(random), to: somePath(random), ms};
  });
}

/** The client behind the last agent's is a host without an agent. */
function operation(random: Prng, agents: number, at: number): Action {
  const client = random.below(agents + 1);
  const kind = random.pick(['make', 'make', 'mkdir', 'mkdir', 'change', 'open', 'remove', 'move', 'move'] as const)!;
  const path = somePath(random);
  return kind === 'move' ? {at, kind, client, path, to: somePath(random)} : {at, kind, client, path};
}

function fault(random: Prng, agents: number, at: number): Action {
  const agent = random.below(agents);
  const kinds = ['partition', 'crash', 'overflow', 'fusion-crash', 'wall-step', 'storage-step'] as const;
  const kind = random.pick(kinds)!;
  switch (kind) {
    case 'partition':
      return {at, kind, agent, ms: random.pick([1_000, 8_000, 40_000])!};
    case 'crash':
      return {at, kind, agent, ms: random.pick([10, 3_000, 30_000])!};
    case 'overflow':
      return {at, kind, agent, ms: 200 + random.below(5_000)};
    case 'fusion-crash':
      return {at, kind, ms: random.pick([10, 2_000, 20_000])!};
    case 'wall-step':
    case 'storage-step':
      return {at, kind, ms: (random.below(2) ? 1 : -1) * random.pick([3_000, hour, 24 * 365 * 3 * hour])!};
  }
}

function somePath(random: Prng): Path {
  const depth = 1 + random.below(3);
  const parts = Array.from({length: depth}, () => random.pick(names)!);
  return fromText(`/${parts.join('/')}`) as Path;
}
