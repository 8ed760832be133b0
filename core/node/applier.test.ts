import {beforeEach, expect, onTestFinished, test} from 'vitest';
import {ManualClock, settled} from '../../test/lib/manual-clock.ts';
import type {Log} from '../log/log.ts';
import {Signal} from '../pipe/signal.ts';
import {Applier, type Workshop} from './applier.ts';
import type {Look, Setup} from './apply-planner.ts';
import {type Kept, nothingKept} from './kept-records.ts';

let errors: string[] = [];
const log: Log = {debug() {}, info() {}, warn() {}, error: (_, message) => void errors.push(message), child: () => log};
const soakMs = 5_000;

/** Parts that are at once as they are made. */
class TestWorkshop implements Workshop<string> {
  readonly made: string[] = [];
  readonly #hashes = new Map<string, string>();
  readonly looks = new Map<string, Partial<Look>>();
  failure: Error | undefined;

  async make(parts: readonly {name: string; setup: Setup<string>}[]): Promise<undefined> {
    if (this.failure) throw this.failure;
    this.made.push(parts.map(({name, setup}) => `${name}=${setup.config}`).join());
    this.#hashes.clear();
    for (const {name, setup} of parts) this.#hashes.set(name, setup.hash);
  }

  look(name: string): Look | undefined {
    const hash = this.#hashes.get(name);
    if (hash === undefined) return undefined;
    return {hash, state: 'running', deaths: 0, lastDeath: undefined, fitness: 'fit', ...this.looks.get(hash)};
  }
}

let clock: ManualClock;
let workshop: TestWorkshop;
let parts: Signal;
let keeps: Kept<string>[];
let keep: (kept: Kept<string>) => void;

beforeEach(() => {
  clock = new ManualClock();
  workshop = new TestWorkshop();
  parts = new Signal();
  keeps = [];
  errors = [];
  keep = kept => void keeps.push(structuredClone(kept));
});

const stop = new Map<Applier<string>, () => Promise<void>>();

function start(kept: Kept<string> = nothingKept): Applier<string> {
  const applier = new Applier<string>(kept, {workshop, clock, log, parts, keep: kept => keep(kept)});
  const stopping = new AbortController();
  const ended = applier.run(stopping.signal);
  const end = async () => {
    stopping.abort();
    await ended;
  };
  stop.set(applier, end);
  onTestFinished(end);
  return applier;
}

const order = (config: string, signature?: string) => ({
  wanted: [{name: 'p', setup: {hash: config, config}}],
  soakMs,
  signature,
});
const known = (hash: string) => {
  const setup = {hash, config: hash};
  return {desired: setup, lastGood: setup, failed: undefined, trial: undefined};
};
const state = (applier: Applier<string>) => applier.report()[0]?.state;

test('what is wanted is made, applied after the soak, and kept for the next shell with the manifest that says so', async () => {
  const applier = start();
  await applier.want(order('a', 'first'));
  expect([workshop.made, state(applier), applier.appliedManifest]).toEqual([['p=a'], 'soaking', undefined]);
  await clock.pass(soakMs + 1_000);
  expect([state(applier), applier.appliedManifest]).toEqual(['applied', 'first']);
  expect(keeps.at(-1)).toMatchObject({manifest: 'first', appliedManifest: 'first', records: [{lastGood: {hash: 'a'}}]});
  expect(workshop.made).toEqual(['p=a']);
});

test('what fails is undone without anybody saying so, and told', async () => {
  const applier = start();
  await applier.want(order('a', 'first'));
  await clock.pass(soakMs + 1_000);
  const seen = applier.changed.count;
  await applier.want(order('b', 'second'));
  workshop.looks.set('b', {deaths: 3, state: 'backoff'});
  parts.raise();
  await settled();
  expect(workshop.made).toEqual(['p=a', 'p=b', 'p=a']);
  expect(applier.changed.count).toBeGreaterThan(seen);
  expect(applier.report()).toMatchObject([
    {state: 'rolled_back', running: 'a', desired: 'b', last_failed: {hash: 'b'}},
  ]);
  expect([applier.manifest, applier.appliedManifest]).toEqual(['second', 'first']);
});

test('nothing is made before anything is wanted, nor when it has ended', async () => {
  const applier = start({...nothingKept, records: [{name: 'p', ...known('a')}]});
  parts.raise();
  await clock.pass(60_000);
  expect([workshop.made, errors]).toEqual([[], []]);
  await applier.want(order('b'));
  await stop.get(applier)!();
  await applier.want(order('c'));
  expect([workshop.made, errors]).toEqual([['p=b'], []]);
});

test('a shell that knows nothing new goes on with what was wanted before', async () => {
  const before = start();
  await before.want(order('a', 'first'));
  await clock.pass(soakMs + 1_000);
  const applier = start(keeps.at(-1)!);
  expect(workshop.made).toEqual(['p=a']);
  await applier.resume(soakMs);
  expect([workshop.made, state(applier), applier.manifest]).toEqual([['p=a', 'p=a'], 'applied', 'first']);
});

test('on a full disk all goes on, and it is kept when there is room', async () => {
  const applier = start();
  keep = () => {
    throw new Error('ENOSPC');
  };
  await applier.want(order('a'));
  await clock.pass(soakMs + 1_000);
  expect(state(applier)).toBe('applied');
  keep = kept => void keeps.push(kept);
  await clock.pass(20_000);
  expect(keeps).toMatchObject([{records: [{lastGood: {hash: 'a'}}]}]);
});

test('what cannot be made is told to whoever wants it, and ends nothing', async () => {
  const applier = start();
  workshop.failure = new Error('there is no certificate');
  await expect(applier.want(order('a'))).rejects.toThrow('there is no certificate');
  workshop.failure = undefined;
  await applier.want(order('b'));
  expect(workshop.made).toEqual(['p=b']);
});

test('what could not be made is made when it can be, though nobody wants anything else', async () => {
  const applier = start();
  workshop.failure = new Error('there is no certificate');
  await expect(applier.want(order('a'))).rejects.toThrow('there is no certificate');
  await clock.pass(9_000);
  const told = errors.length;
  await clock.pass(15_000);
  expect(errors.length - told).toBeLessThanOrEqual(3);
  workshop.failure = undefined;
  await clock.pass(11_000);
  expect([workshop.made, state(applier)]).toEqual([['p=a'], 'soaking']);
});
