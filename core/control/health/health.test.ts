import fc from 'fast-check';
import {beforeEach, expect, test} from 'vitest';
import {type FleetFacts, healthyFleet} from '../../../test/lib/healthy-fleet.ts';
import {ManualClock} from '../../../test/lib/manual-clock.ts';
import {openMemoryControl} from '../../../test/lib/memory-control.ts';
import type {ControlStore} from '../control-store.ts';
import type {ReportedPart} from '../protocol.ts';
import {problemKinds} from './condition.ts';
import {Health} from './health.ts';

let clock: ManualClock;
let store: ControlStore;
let facts: FleetFacts;
let health: Health;
let writes: number;
beforeEach(async () => {
  clock = new ManualClock();
  const memory = openMemoryControl();
  writes = 0;
  store = {
    ...memory,
    write: body => {
      writes++;
      return memory.write(body);
    },
  };
  facts = healthyFleet(clock.now());
  restart();
  await pass(100_000);
});

/** As after `kill -9`: only the store is left. */
function restart(): void {
  health = new Health({store, clock, facts: () => structuredClone(facts)});
}

/** Looks every five seconds, as the controller does; who is online is heard all the time. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 5_000) {
    await clock.pass(Math.min(5_000, left));
    for (const {stored, isOnline} of facts.nodes) if (isOnline) stored.seenAt = clock.now();
    await health.tick();
  }
}

const agent = () => facts.nodes[0]!;
const fusion = () => facts.nodes.find(({stored}) => stored.kind === 'fusion')!;
const part = (): ReportedPart => agent().stored.parts[0]!;
const view = () => fusion().stored.views![0] as Record<string, unknown>;
const death = (more: object = {}): ReportedPart['last_death'] => ({
  ...{at: '2026-01-01T00:00:00.000Z', cause: 'signal', code: null, signal: 'SIGSEGV', pid: 6, uptime_ms: 5},
  detail: 'It was ended by SIGSEGV.',
  stderr: '',
  ...more,
});
const configPart = (state: 'failed' | 'invalid' | 'rolled_back' | 'pending') => {
  const last_failed = {hash: 'hash-2', reason: 'no such mount', at: '2026-01-01T00:00:00.000Z'};
  agent().stored.config.parts![0] = {name: 'payload-to-view-0', state, running: 'hash', desired: 'hash-2', last_failed};
};

type Rule = [kind: string, subject: string, severity: string, next: string, breaks: () => unknown];

const rules: Rule[] = [
  ['silent', 'agent/node-0', 'error', 'fustorctl agent show node-0', () => Object.assign(agent(), {isOnline: false})],
  ['silent', 'fusion/fusion-0', 'error', 'fustorctl fusion show fusion-0', () => (fusion().isOnline = false)],
  [
    ...(['never_seen', 'agent/new', 'warning', 'fustorctl enroll-token create --role agent'] as const),
    () => facts.desired.agents.push({id: 'new', pipes: []}),
  ],
  [
    ...(['never_seen', 'fusion/new', 'error', 'fustorctl enroll-token create --role fusion'] as const),
    () => {
      facts.desired.fusions.push({id: 'new', views: []});
      facts.enrolled = [{kind: 'fusion', id: 'new', at: 1}];
    },
  ],
  [
    ...(['never_configured', 'agent/new', 'warning', 'fustorctl apply -f DIR --dry-run'] as const),
    () => (facts.enrolled = [{kind: 'agent', id: 'new', at: 1}]),
  ],
  [
    ...(['never_configured', 'agent/new', 'warning', 'fustorctl apply -f DIR --dry-run'] as const),
    () => {
      const {stored} = agent();
      facts.nodes.push({isOnline: true, stored: {...stored, id: 'new', parts: [], config: {state: 'running'}}});
    },
  ],
  [
    ...(['config_refused', 'agent/node-0', 'error', 'fustorctl agent show node-0'] as const),
    () => Object.assign(agent().stored.config, {state: 'refused', last_failed: {reason: 'a mistake', at: 'then'}}),
  ],
  [
    ...(['config_not_taken', 'agent/node-0', 'warning', 'fustorctl agent logs node-0'] as const),
    () => (facts.desired.agents[0]!.signature = 'newer'),
  ],
  [
    ...(['cloned', 'agent/node-0', 'error', 'fustorctl enroll-token create --role agent'] as const),
    () => (facts.clones = [{kind: 'agent', id: 'node-0', hosts: ['a', 'b'], since: clock.now()}]),
  ],
  [
    ...(['manifest_failed', 'agent/node-0', 'error', 'fustorctl describe agent node-0'] as const),
    () => (facts.unmade = [{kind: 'agent', id: 'node-0', reason: 'there is no secret "k"', since: clock.now()}]),
  ],
  [
    ...(['certificate_ending', 'agent/node-0', 'warning', 'fustorctl agent logs node-0'] as const),
    () => certify(clock.now() - 9 * day, clock.now() + day),
  ],
  [
    ...(['certificate_ending', 'agent/node-0', 'error', 'fustorctl enroll-token create --role agent'] as const),
    () => certify(clock.now() - 9 * day, clock.now() - day),
  ],
  [
    ...(['version_skew', 'agent/node-0', 'notice', 'fustorctl agent list'] as const),
    () => (agent().stored.shell.version = '2'),
  ],
  [
    ...(['missing', 'pipe/node-0/new', 'error', 'fustorctl agent logs node-0'] as const),
    () => (facts.desired.agents[0] = {...facts.desired.agents[0]!, pipes: [...pipes(), {name: 'new', view: 'view-0'}]}),
  ],
  [
    ...(['quarantined', 'pipe/node-0/to-view-0', 'error', 'fustorctl agent restart node-0 to-view-0'] as const),
    () => Object.assign(part(), {state: 'quarantined', pid: null, last_death: death()}),
  ],
  [
    ...(['crashing', 'pipe/node-0/to-view-0', 'warning', 'fustorctl agent logs node-0 to-view-0'] as const),
    () => Object.assign(part(), {state: 'backoff', pid: null, last_death: death()}),
  ],
  [
    ...(['crashing', 'fusion/fusion-0/gateway-0', 'warning', 'fustorctl fusion logs fusion-0 gateway-0'] as const),
    () => Object.assign(fusion().stored.parts[0]!, {uptime_ms: 1, last_death: death()}),
  ],
  [
    ...(['stalled', 'pipe/node-0/to-view-0', 'error', 'fustorctl agent restart node-0 to-view-0'] as const),
    () => (part().health = {work: {done: 10, pending: 3}}),
  ],
  [
    ...(['source_unavailable', 'pipe/node-0/to-view-0', 'error', 'fustorctl agent logs node-0 to-view-0'] as const),
    () => (part().health = {source: {isAvailable: false, reason: 'another file system is mounted there'}}),
  ],
  [
    ...(['not_connected', 'pipe/node-0/to-view-0', 'error', 'fustorctl agent logs node-0 to-view-0'] as const),
    () => (part().health = {pipe: {isConnected: false, lastError: 'nothing listens there'}}),
  ],
  [
    ...(['config_failed', 'pipe/node-0/to-view-0', 'error', 'fustorctl agent logs node-0 to-view-0'] as const),
    () => configPart('failed'),
  ],
  [
    ...(['config_failed', 'pipe/node-0/to-view-0', 'error', 'fustorctl agent show node-0'] as const),
    () => configPart('invalid'),
  ],
  [
    ...(['config_rolled_back', 'pipe/node-0/to-view-0', 'error', 'fustorctl agent logs node-0 to-view-0'] as const),
    () => configPart('rolled_back'),
  ],
  [
    ...(['config_pending', 'pipe/node-0/to-view-0', 'warning', 'fustorctl agent logs node-0 to-view-0'] as const),
    () => configPart('pending'),
  ],
  [
    ...(['not_served', 'view/new', 'error', 'fustorctl fusion show fusion-0'] as const),
    () => facts.desired.views.push({name: 'new', fusion: 'fusion-0'}),
  ],
  [
    ...(['unreadable', 'view/view-0', 'error', 'fustorctl status --view view-0'] as const),
    () => Object.assign(view(), {sync: 'unreadable', problem: 'damaged'}),
  ],
  [
    ...(['stale', 'view/view-0', 'error', 'fustorctl agent show node-0'] as const),
    () => Object.assign(view(), {sync: 'stale', leader: null, agents: []}),
  ],
  [
    ...(['empty', 'view/view-0', 'error', 'fustorctl agent show node-0'] as const),
    () => Object.assign(view(), {sync: 'empty', leader: null, agents: []}),
  ],
  [
    ...(['coverage', 'view/view-0', 'notice', 'fustorctl status --view view-0'] as const),
    () => Object.assign((view().agents as object[])[0]!, {watched: 60}),
  ],
  [
    ...(['rejected', 'view/view-0', 'warning', 'fustorctl status --view view-0'] as const),
    () => (view().rejected = {count: 2, last: {agent: 'node-0', reason: 'it cannot be decoded'}}),
  ],
  [
    ...(['git_failing', 'git', 'error', 'fustorctl sync'] as const),
    () => (facts.git = {failing: {reason: 'no such branch', since: clock.now()}, goodAt: undefined}),
  ],
  [
    ...(['pinned', 'revision/1', 'notice', 'fustorctl release'] as const),
    () => (facts.pin = {revision: 1, by: 'ops', at: clock.now()}),
  ],
  [
    ...(['store_trouble', 'controller', 'error', 'fustorctl status --all'] as const),
    () => (facts.storeTrouble = 'the disk is full'),
  ],
];

const day = 86_400_000;
const pipes = () => facts.desired.agents[0]!.pipes;
function certify(notBefore: number, notAfter: number): void {
  facts.certificates = [{kind: 'agent', id: 'node-0', notBefore, notAfter}];
}

test.each(rules)('%s of %s (%s) is told, since one moment whatever happens, until it is over', async (...rule) => {
  const [kind, subject, severity, next, breaks] = rule;
  const healthy = structuredClone(facts);
  expect(health.picture().problems).toEqual([]);
  breaks();
  await pass(150_000);
  const [problem, ...others] = health.picture().problems;
  expect(others).toEqual([]);
  expect(problem).toMatchObject({kind, subject, severity, next, problem: expect.stringMatching(/^[A-Z0-9].{10,}$/)});
  expect(problem!.since).toBeGreaterThan(clock.now() - 10 * day);
  await pass(60_000);
  const written = writes;
  await pass(60_000);
  expect(writes).toBe(written);
  restart();
  expect(health.picture().problems).toEqual([problem]);
  await pass(150_000);
  expect(health.picture().problems).toEqual([problem]);
  facts = healthy;
  await pass(5_000);
  expect(health.picture().problems).toEqual([]);
  restart();
  await pass(10_000);
  expect(health.picture().problems).toEqual([]);
  expect(store.read(txn => txn.records('health')).filter(({key}) => key.startsWith('problem/'))).toEqual([]);
});

test('every kind of problem has its rule', () => {
  expect([...new Set(rules.map(([kind]) => kind))].sort()).toEqual([...problemKinds].sort());
});

test('a healthy fleet of any size has no problems, whatever it does and however often the controller starts', async () => {
  const size = fc.record({
    agents: fc.integer({min: 0, max: 4}),
    fusions: fc.integer({min: 1, max: 3}),
    views: fc.integer({min: 0, max: 4}),
  });
  const steps = fc.array(fc.constantFrom('work', 'rest', 'restart', 'command'), {maxLength: 12});
  await fc.assert(
    fc.asyncProperty(size, steps, async (size, steps) => {
      if (size.agents === 0) size.views = 0; // a view that nobody feeds is a problem
      facts = healthyFleet(clock.now(), size);
      store = openMemoryControl();
      restart();
      let done = 10;
      for (const step of steps) {
        const parts = facts.nodes.flatMap(({stored}) => stored.parts);
        if (step === 'restart') restart();
        for (const one of parts) {
          const work = step === 'rest' ? {done, pending: 0} : {done: ++done, pending: 5};
          one.health = {work, pipe: {isConnected: true}};
          if (step === 'command')
            Object.assign(one, {uptime_ms: 1, pid: ++done, last_death: death({cause: 'command'})});
        }
        await pass(30_000);
        expect(health.picture().problems).toEqual([]);
      }
    }),
    {numRuns: 100},
  );
});

test('what heals within its patience is never told, and costs no write', async () => {
  const written = writes;
  Object.assign(view(), {sync: 'stale'});
  part().health = {work: {done: 10, pending: 3}};
  await pass(40_000);
  Object.assign(view(), {sync: 'live'});
  part().health = {work: {done: 11, pending: 3}};
  await pass(40_000);
  expect(health.picture().problems).toEqual([]);
  // The state of the view is remembered, and that is all.
  expect(writes - written).toBeLessThanOrEqual(2);
});

test('a payload is a zombie since it made progress last; another process has a time of its own', async () => {
  part().health = {work: {done: 10, pending: 3}};
  await pass(30_000);
  part().health = {work: {done: 12, pending: 3}};
  const since = clock.now() + 5_000;
  await pass(100_000);
  expect(health.picture().problems).toEqual([]);
  await pass(10_000);
  expect(health.picture().problems).toMatchObject([{kind: 'stalled', since}]);
  part().pid = 8;
  expect(health.picture().problems).toEqual([]);
});

test('of the parts of a silent node nothing is told: nobody knows', async () => {
  Object.assign(part(), {state: 'quarantined', last_death: death()});
  Object.assign(view(), {sync: 'stale'});
  await pass(60_000);
  expect(health.picture().problems.map(({kind}) => kind)).toEqual(['quarantined', 'stale']);
  for (const node of facts.nodes) node.isOnline = false;
  expect(health.picture().problems.map(({kind}) => kind)).toEqual(['silent', 'silent', 'silent']);
});

test('a silent agent that no configuration names was taken away, and is no problem', async () => {
  facts.desired.agents.shift();
  agent().isOnline = false;
  await pass(150_000);
  expect(health.picture().problems).toEqual([]);
});

test('without a configuration nothing is missing, and who is silent is told all the same', async () => {
  const {desired: _, ...rest} = facts;
  facts = rest as FleetFacts;
  await pass(150_000);
  expect(health.picture().problems).toEqual([]);
  agent().isOnline = false;
  expect(health.picture().problems).toMatchObject([{kind: 'silent', subject: 'agent/node-0'}]);
});

test('a controller that was away calls nobody silent before they had time to find it again', async () => {
  await clock.pass(3_600_000);
  const awaySince = agent().stored.seenAt;
  for (const node of facts.nodes) node.isOnline = false;
  restart();
  await pass(60_000);
  expect(health.picture().problems).toEqual([]);
  for (const node of facts.nodes.slice(1)) node.isOnline = true;
  await pass(60_000);
  expect(health.picture().problems).toMatchObject([{kind: 'silent', subject: 'agent/node-0', since: awaySince}]);
});

test('a rejected batch is told for a day, and a further one for another', async () => {
  view().rejected = {count: 1};
  await pass(5_000);
  expect(health.picture().problems).toMatchObject([{kind: 'rejected'}]);
  await clock.pass(day);
  expect(health.picture().problems).toEqual([]);
  restart();
  expect(health.picture().problems).toEqual([]);
  view().rejected = {count: 2};
  expect(health.picture().problems).toMatchObject([{kind: 'rejected', since: clock.now()}]);
});

test('what was told is since the same moment for a controller that is killed at once', async () => {
  Object.assign(part(), {state: 'quarantined', last_death: death()});
  const [problem] = await health.problems();
  restart();
  await clock.pass(1_000);
  expect(health.picture().problems).toEqual([problem]);
});

test('what cannot be stored is stored later', async () => {
  const {write} = store;
  store.write = () => Promise.reject(new Error('the disk is full'));
  Object.assign(part(), {state: 'quarantined', last_death: death()});
  await expect(health.tick()).rejects.toThrow('full');
  const {since} = health.picture().problems[0]!;
  store.write = write;
  await pass(5_000);
  restart();
  expect(health.picture().problems).toMatchObject([{kind: 'quarantined', since}]);
});

test('strange reports of another version are judged as if nothing was said', async () => {
  part().health = {work: 'much', pipe: 3, source: {isAvailable: 'maybe'}};
  fusion().stored.views = [{view: 7}, {}, {data: {agents: 'many'}, meta: {view: 'view-0', sync: 5}}, {name: 'view-1'}];
  await pass(150_000);
  expect(health.picture().problems).toEqual([]);
  expect(health.picture().views.map(({view, state}) => [view, state])).toEqual([
    ['view-0', 'unknown'],
    ['view-1', 'unknown'],
  ]);
});
