import fc from 'fast-check';
import {beforeEach, expect, test} from 'vitest';
import {type ApplyRecord, chosen, deathsMax, type Look, type Plan, plan, type Setup, stateOf} from './apply-planner.ts';

type Config = string;
const soakMs = 30_000;
const setup = (hash: string, config = hash): Setup<Config> => ({hash, config});
const good = (name: string, hash: string) => ({name, setup: setup(hash)});

let nowMs: number;
let records: ApplyRecord<Config>[];
let looks: Map<string, Look>;

beforeEach(() => {
  nowMs = 5_000;
  records = [];
  looks = new Map();
});

function look(name: string, hash: string, more: Partial<Look> = {}): void {
  looks.set(name, {hash, state: 'running', deaths: 0, lastDeath: undefined, fitness: 'fit', ...more});
}

/** Plans, and has every part run what is chosen for it. */
function planned(wanted: Parameters<typeof plan<Config>>[0]['wanted']): Plan<Config> {
  const next = plan({records, wanted, looks, soakMs, nowMs, wallMs: nowMs + 1e12});
  records = next.records;
  return next;
}

function applied(name: string, hash: string): void {
  planned([good(name, hash)]);
  look(name, hash);
  planned([good(name, hash)]);
  nowMs += soakMs;
  planned([good(name, hash)]);
  expect(records[0]!.lastGood?.hash).toBe(hash);
}

const state = () => stateOf(records[0]!, looks.get(records[0]!.name));
const runs = () => chosen(records[0]!)?.hash;

test('what is wanted runs at once, soaks, and is applied when it was healthy for the whole soak', () => {
  expect(planned([good('p', 'a')]).lookAgainAt).toBe(nowMs + 1_000);
  expect([runs(), state()]).toEqual(['a', 'pending']);
  look('p', 'a');
  planned([good('p', 'a')]);
  expect(state()).toBe('soaking');
  nowMs += soakMs - 1;
  expect(planned([good('p', 'a')]).lookAgainAt).toBe(nowMs + 1);
  expect(records[0]!.lastGood).toBeUndefined();
  nowMs += 1;
  expect(planned([good('p', 'a')]).lookAgainAt).toBeUndefined();
  expect([runs(), state(), records[0]!.lastGood]).toEqual(['a', 'applied', setup('a')]);
});

test('what was seen early, and not looked at since, is no failure', () => {
  applied('p', 'a');
  look('p', 'a');
  planned([good('p', 'b')]);
  look('p', 'b', {fitness: {unfit: 'It is not connected.'}, seenAt: nowMs});
  planned([good('p', 'b')]);
  nowMs += 2 * soakMs;
  expect(planned([good('p', 'b')]).lookAgainAt).toBe(nowMs + 1_000);
  expect([runs(), state()]).toEqual(['b', 'soaking']);
  look('p', 'b', {fitness: {unfit: 'It is not connected.'}, seenAt: nowMs});
  planned([good('p', 'b')]);
  expect([runs(), state()]).toEqual(['a', 'rolled_back']);
});

test.each<[string, Partial<Look>]>([
  ['is starting', {state: 'starting'}],
  ['waits for its storage', {fitness: 'waiting'}],
  ['has died', {deaths: 1}],
])('the soak begins anew when a part %s', (_, more) => {
  planned([good('p', 'a')]);
  look('p', 'a');
  planned([good('p', 'a')]);
  nowMs += soakMs - 1;
  look('p', 'a', more);
  planned([good('p', 'a')]);
  nowMs += soakMs - 1;
  look('p', 'a', {deaths: more.deaths ?? 0});
  planned([good('p', 'a')]);
  expect(records[0]!.lastGood).toBeUndefined();
  nowMs += soakMs;
  planned([good('p', 'a')]);
  expect(state()).toBe('applied');
});

test('what dies too often while it soaks is rolled back, and is taken again only when another was wanted', () => {
  applied('p', 'a');
  planned([good('p', 'b')]);
  expect([runs(), state()]).toEqual(['b', 'pending']);
  look('p', 'b', {deaths: deathsMax - 1, state: 'backoff'});
  planned([good('p', 'b')]);
  expect(runs()).toBe('b');
  look('p', 'b', {deaths: deathsMax, state: 'backoff', lastDeath: 'It ended with exit code 1.'});
  expect(planned([good('p', 'b')]).lookAgainAt).toBeUndefined();
  expect([runs(), state()]).toEqual(['a', 'rolled_back']);
  expect(records[0]!.failed).toEqual({
    hash: 'b',
    reason: 'It died 3 times before it was applied. It ended with exit code 1.',
    at: nowMs + 1e12,
  });
  look('p', 'a');
  nowMs += 10 * soakMs;
  planned([good('p', 'b')]);
  expect([runs(), state()]).toEqual(['a', 'rolled_back']);
  planned([good('p', 'a')]);
  expect([state(), records[0]!.failed]).toEqual(['applied', undefined]);
  planned([good('p', 'b')]);
  expect([runs(), state()]).toEqual(['b', 'pending']);
});

test('one that is put into quarantine while it soaks is rolled back, however few its deaths were', () => {
  applied('p', 'a');
  planned([good('p', 'b')]);
  look('p', 'b', {deaths: 1, state: 'quarantined'});
  planned([good('p', 'b')]);
  expect(state()).toBe('rolled_back');
  expect(records[0]!.failed!.reason).toBe('It died once before it was applied.');
});

test('a change that keeps a part from its work for a whole soak is rolled back', () => {
  applied('p', 'a');
  planned([good('p', 'b')]);
  look('p', 'b', {fitness: {unfit: 'There is no /mnt/b.'}});
  planned([good('p', 'b')]);
  nowMs += soakMs - 1;
  planned([good('p', 'b')]);
  expect(state()).toBe('soaking');
  nowMs += 1;
  planned([good('p', 'b')]);
  expect([runs(), state(), records[0]!.failed!.reason]).toEqual(['a', 'rolled_back', 'There is no /mnt/b.']);
});

test('with nothing to go back to it is tried on, told as failed, and may be applied after all', () => {
  planned([good('p', 'a')]);
  look('p', 'a', {deaths: 7, state: 'quarantined'});
  planned([good('p', 'a')]);
  expect([runs(), state()]).toEqual(['a', 'failed']);
  const told = records[0]!.failed;
  nowMs += soakMs;
  look('p', 'a', {deaths: 7});
  planned([good('p', 'a')]);
  expect(records[0]!.failed).toEqual(told);
  nowMs += soakMs;
  planned([good('p', 'a')]);
  expect([state(), records[0]!.failed]).toEqual(['applied', undefined]);
});

test('a part that was applied and dies later is not rolled back', () => {
  applied('p', 'a');
  applied('p', 'b');
  look('p', 'b', {deaths: 100, state: 'quarantined', fitness: {unfit: 'x'}});
  nowMs += 10 * soakMs;
  planned([good('p', 'b')]);
  expect([runs(), state(), records[0]!.failed]).toEqual(['b', 'applied', undefined]);
});

test('what does not validate leaves what was applied running, and holds up nobody, not even at the first start', () => {
  planned([{name: 'p', mistake: 'p has a mistake'}, good('q', 'a')]);
  expect([runs(), state(), records[0]!.failed]).toEqual([
    undefined,
    'invalid',
    {reason: 'p has a mistake', at: nowMs + 1e12},
  ]);
  expect(chosen(records[1]!)).toEqual(setup('a'));
  applied('p', 'a');
  const at = nowMs;
  planned([{name: 'p', mistake: 'no'}]);
  nowMs += 1_000;
  planned([{name: 'p', mistake: 'no'}]);
  expect([runs(), state(), records[0]!.failed!.at]).toEqual(['a', 'invalid', at + 1e12]);
  planned([{name: 'p', mistake: 'not that either'}]);
  expect(records[0]!.failed).toEqual({reason: 'not that either', at: nowMs + 1e12});
});

test('what is not wanted any more has no record; what was never good is left for what does not validate', () => {
  planned([good('p', 'a'), good('q', 'a')]);
  planned([good('q', 'a')]);
  expect(records.map(({name}) => name)).toEqual(['q']);
  planned([{name: 'q', mistake: 'no'}]);
  expect(runs()).toBeUndefined();
});

test('another text with the same meaning restarts nothing and is what is gone back to', () => {
  applied('p', 'a');
  planned([{name: 'p', setup: setup('a', 'a, said otherwise')}]);
  expect([state(), chosen(records[0]!)]).toEqual(['applied', setup('a', 'a, said otherwise')]);
  expect(records[0]!.lastGood!.config).toBe('a, said otherwise');
});

test('a process that is made from something else is not judged', () => {
  applied('p', 'a');
  planned([good('p', 'b')]);
  looks.set('p', {...looks.get('p')!, hash: undefined, deaths: 50, state: 'quarantined'});
  planned([good('p', 'b')]);
  nowMs += soakMs;
  planned([good('p', 'b')]);
  expect([runs(), state(), records[0]!.failed]).toEqual(['b', 'pending', undefined]);
});

// ── Random histories

/** Hashes from the end of the alphabet die; `v` to `x` cannot do their work. */
const hashes = ['a', 'b', 'c', 'v', 'y', 'z'];
const dies = (hash: string) => hash >= 'y';
const isUnfit = (hash: string) => hash === 'v';
const names = ['p', 'q', 'r'];

type Step =
  | {do: 'want'; wanted: Record<string, string>}
  | {do: 'pass'; ms: number}
  | {do: 'crash'; name: string}
  | {do: 'outage'; isOut: boolean}
  | {do: 'restart'};

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('want' as const),
      wanted: fc.dictionary(fc.constantFrom(...names), fc.constantFrom(...hashes, '!'), {maxKeys: 3}),
    }),
  },
  {weight: 4, arbitrary: fc.record({do: fc.constant('pass' as const), ms: fc.integer({min: 1, max: 40_000})})},
  {weight: 2, arbitrary: fc.record({do: fc.constant('crash' as const), name: fc.constantFrom(...names)})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('outage' as const), isOut: fc.boolean()})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('restart' as const)})},
);

type Process = {hash: string; startedAt: number; deaths: number; healthySince: number | undefined};

/** A node with processes that live and die as their hashes say, and the whole history of what it ran. */
class Node {
  now = 0;
  records: ApplyRecord<Config>[] = [];
  wanted: Record<string, string> = {};
  isOut = false;
  readonly processes = new Map<string, Process>();
  /** For each part what failed since something else was wanted. */
  readonly banned = new Map<string, string>();
  readonly soaked = new Set<string>();

  want(wanted: Record<string, string>): void {
    for (const name of names) if (wanted[name] !== this.wanted[name]) this.banned.delete(name);
    this.wanted = wanted;
    this.turn();
  }

  /** In steps so small that what happens in between makes no difference. */
  pass(ms: number): void {
    const until = this.now + ms;
    while (this.now < until) {
      this.now = Math.min(until, this.now + 1_000);
      for (const process of this.processes.values()) {
        if (dies(process.hash) && this.now - process.startedAt >= 2_000) this.die(process);
      }
      this.turn();
    }
  }

  die(process: Process): void {
    process.deaths++;
    process.startedAt = this.now;
    process.healthySince = undefined;
  }

  /** Plans as often as it takes until nothing changes. */
  turn(): void {
    for (let round = 0; round < 4; round++) {
      const before = JSON.stringify(this.records);
      for (const process of this.processes.values()) {
        const isHealthy = this.fitness(process) === 'fit';
        process.healthySince = isHealthy ? (process.healthySince ?? this.now) : undefined;
      }
      const wanted = Object.entries(this.wanted).map(([name, hash]) =>
        hash === '!' ? {name, mistake: 'it has a mistake'} : {name, setup: setup(hash)},
      );
      const looks = new Map([...this.processes].map(([name, process]) => [name, this.lookAt(process)]));
      const earlier = new Map(this.records.map(record => [record.name, record]));
      this.records = plan({records: this.records, wanted, looks, soakMs, nowMs: this.now, wallMs: this.now}).records;
      this.check(earlier);
      this.obey();
      if (JSON.stringify(this.records) === before) return;
    }
  }

  fitness({hash}: Process): Look['fitness'] {
    if (isUnfit(hash)) return {unfit: 'nothing is there'};
    return this.isOut ? 'waiting' : 'fit';
  }

  lookAt(process: Process): Look {
    const {hash, deaths} = process;
    return {hash, state: 'running', deaths, lastDeath: undefined, fitness: this.fitness(process)};
  }

  check(earlier: Map<string, ApplyRecord<Config>>): void {
    expect(this.records.map(({name}) => name)).toEqual(Object.keys(this.wanted));
    for (const {name, failed, lastGood} of this.records) {
      if (failed?.hash !== undefined && lastGood) this.banned.set(name, failed.hash);
      const process = this.processes.get(name);
      if (!lastGood || lastGood.hash === earlier.get(name)?.lastGood?.hash) continue;
      // Only what soaked is good.
      expect(process?.hash).toBe(lastGood.hash);
      expect(this.now - process!.healthySince!).toBeGreaterThanOrEqual(soakMs);
    }
  }

  obey(): void {
    const chosenOnes = new Map(this.records.map(record => [record.name, chosen(record)?.hash]));
    for (const name of this.processes.keys()) if (chosenOnes.get(name) === undefined) this.processes.delete(name);
    for (const [name, hash] of chosenOnes) {
      if (hash === undefined || this.processes.get(name)?.hash === hash) continue;
      // What failed is not run again, and what is healthy and still wanted is never restarted.
      expect(this.banned.get(name)).not.toBe(hash);
      const running = this.processes.get(name);
      if (running && !isUnfit(running.hash) && running.deaths === 0) expect(this.wanted[name]).not.toBe(running.hash);
      this.processes.set(name, {hash, startedAt: this.now, deaths: 0, healthySince: undefined});
    }
  }

  /** Another shell: it knows what was kept, and finds the processes as they are. */
  restart(): void {
    const kept = JSON.parse(JSON.stringify(this.records.map(({trial: _, ...record}) => record)));
    this.records = kept;
    for (const process of this.processes.values()) {
      process.deaths = 0;
      process.healthySince = undefined;
    }
    this.turn();
  }
}

test('over all histories only what soaked is gone back to, what failed stays away, and in the end each part is told truly', () => {
  fc.assert(
    fc.property(fc.array(step, {maxLength: 40}), steps => {
      const node = new Node();
      for (const one of steps) {
        if (one.do === 'want') node.want(one.wanted);
        else if (one.do === 'pass') node.pass(one.ms);
        else if (one.do === 'outage') node.isOut = one.isOut;
        else if (one.do === 'restart') node.restart();
        else {
          const process = node.processes.get(one.name);
          if (process) node.die(process);
          node.turn();
        }
      }
      node.isOut = false;
      node.pass(3 * soakMs);
      for (const record of node.records) {
        const {name, lastGood, failed} = record;
        const hash = node.wanted[name]!;
        const running = node.processes.get(name)?.hash;
        const told = stateOf(record, node.processes.get(name) && node.lookAt(node.processes.get(name)!));
        if (hash === '!') {
          expect([told, running]).toEqual(['invalid', lastGood?.hash]);
        } else if (lastGood?.hash === hash) {
          expect([told, running]).toEqual(['applied', hash]);
        } else {
          expect(failed?.hash).toBe(hash);
          expect([told, running]).toEqual(lastGood ? ['rolled_back', lastGood.hash] : ['failed', hash]);
        }
      }
    }),
    {numRuns: 300},
  );
});
