import {afterEach, beforeEach, expect, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import type {Path} from '../../../core/entry/path.ts';
import type {Log} from '../../../core/log/log.ts';
import {encodeBatch} from '../../../core/protocol/codec.ts';
import type {FsEvent} from '../../../core/protocol/events.ts';
import {heartbeatRequest, type SessionProgress} from '../../../core/protocol/session.ts';
import {readClock} from '../../../core/session/ingest.ts';
import {readSessions} from '../../../core/session/session.ts';
import type {Clock} from '../../../core/time/clock.ts';
import {rootDirectory, type TreeStore} from '../../../core/tree/tree-store.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import {systemClock} from '../../system-clock.ts';
import {noDeathMarks} from './death-marks.ts';
import {Engine} from './engine.ts';
import {EngineMetrics} from './engine-metrics.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const settings = {
  ...{view: 'v', hotFileThresholdMs: 30_000, cacheWindowMs: 120_000, tombstoneRetentionMs: 3_600_000},
  sessionTimeoutMs: 30_000,
};
const path = (text: string) => fromText(text) as Path;

let store: TreeStore;
let engine: Engine;
/** Added to the clocks; how long is slept stays as it is. */
let laterMs: number;
const stop = {controller: new AbortController()};
beforeEach(() => {
  store = openMemoryTree();
  laterMs = 0;
  stop.controller = new AbortController();
  engine = newEngine();
});
afterEach(() => stop.controller.abort());

function newEngine(): Engine {
  const clock: Clock = {
    ...systemClock,
    now: () => Date.now() + laterMs,
    monotonic: () => performance.now() + laterMs,
  };
  let made = 0;
  return new Engine(settings, {
    ...{store, clock, log, metrics: new EngineMetrics('v'), randomId: () => `id${++made}`},
    keepAside: async () => 'nowhere',
    marks: noDeathMarks,
  });
}

const open = async (agent_id: string) =>
  (await engine.open({view: 'v', schema: 'fs', agent_id, pipe: 'p', instance: '1'}, 'k')).session_id;

/** `answered` tells without waiting whether the answer is there. */
function hold(session: string, request: object) {
  const held = {answer: undefined as SessionProgress | undefined, isThere: Promise.resolve() as Promise<unknown>};
  held.isThere = engine
    .heartbeat(session, heartbeatRequest.parse({queued: 0, wait_ms: 20_000, ...request}), stop.controller.signal)
    .then(answer => (held.answer = answer));
  return held;
}

const turn = () => new Promise(resolve => setImmediate(resolve));

test('a heartbeat is held until a scan is asked for, and then names it', async () => {
  const session = await open('a');
  const held = hold(session, {role: 'leader'});
  await turn();
  expect(held.answer).toBeUndefined();
  const {job} = await engine.requestScan({path: path('/d\xff'), isRecursive: false}, 'scripts');
  await held.isThere;
  const scan = {job: job.id, path: Buffer.from(path('/d\xff'), 'latin1').toString('base64url'), recursive: false};
  expect(held.answer).toMatchObject({role: 'leader', scans: [scan]});

  const next = hold(session, {role: 'leader', jobs: [job.id]});
  await turn();
  expect(next.answer).toBeUndefined();
});

test('a follower hears at once that it leads now, with the scans that the leader before it did not end', async () => {
  const [a, b] = [await open('a'), await open('b')];
  const {job} = await engine.requestScan({path: path('/d'), isRecursive: true}, 'scripts');
  const events: FsEvent[] = [{kind: 'phase', phase: 'scan_begin', source: 'on_demand', scan: job.id, path: path('/d')}];
  await engine.receive({
    session: a,
    number: 1,
    sentAt: 0,
    bytes: encodeBatch({session: a, number: 1, heard: undefined, events}),
  });
  const held = hold(b, {role: 'follower'});
  await turn();
  expect(held.answer).toBeUndefined();
  const before = store.read(txn => readSessions(txn).find(({id}) => id === b)!.seenAt);
  await engine.end(a);
  await held.isThere;
  expect(held.answer).toMatchObject({role: 'leader', scans: [{job: job.id}]});
  expect(held.answer!.hlc).toBeGreaterThan(0);
  expect(store.read(txn => readSessions(txn).find(({id}) => id === b)!.seenAt)).toBe(before);
});

test('what a pipe does not know is told at once; so is everything to a pipe that does not wait', async () => {
  const session = await open('a');
  expect(await hold(session, {role: 'follower'}).isThere).toMatchObject({role: 'leader'});
  expect(await hold(session, {role: 'leader', wait_ms: 0}).isThere).toMatchObject({role: 'leader', scans: []});
});

test('an agent that froze while its heartbeat was held times out, and the held one hears that the session is unknown', async () => {
  const [a, b] = [await open('a'), await open('b')];
  const frozen = hold(a, {role: 'leader'});
  await turn();
  laterMs = settings.sessionTimeoutMs / 2 - 1_000;
  const alive = hold(b, {role: 'follower'});
  await engine.tick();
  expect([frozen.answer, alive.answer]).toEqual([undefined, undefined]);
  laterMs = settings.sessionTimeoutMs + 1_000;
  await engine.tick();
  await expect(frozen.isThere).rejects.toMatchObject({code: 'SESSION_UNKNOWN'});
  expect(await alive.isThere).toMatchObject({role: 'leader'});
});

test('an engine that stops, or a pipe that hangs up, ends what is held; no hold outlives its time', async () => {
  const session = await open('a');
  await hold(session, {role: 'leader', wait_ms: 20}).isThere;
  const held = hold(session, {role: 'leader'});
  await turn();
  expect(held.answer).toBeUndefined();
  stop.controller.abort();
  expect(await held.isThere).toMatchObject({role: 'leader'});
});

test('a leader that wants suspects is answered when there are some', async () => {
  const session = await open('a');
  const held = hold(session, {role: 'leader', wants_suspects: true});
  await turn();
  expect(held.answer).toBeUndefined();
  const zero = {seconds: 0, nanos: 0};
  const attributes = {kind: 1 as const, size: 1, mtime: zero, ctime: zero};
  const events: FsEvent[] = [{kind: 'upsert', path: path('/f'), attributes, isAtomic: false, observedAt: 0}];
  await engine.receive({
    session,
    number: 1,
    sentAt: 0,
    bytes: encodeBatch({session, number: 1, heard: undefined, events}),
  });
  await engine.tick();
  expect(await held.isThere).toMatchObject({look_at: [Buffer.from('/f').toString('base64url')]});
});

test('deletions are remembered while engines ran for as long as they shall be, however far the wall clock was set', async () => {
  const remembered = () => store.read(txn => [...txn.tombstones()].map(({name}) => name));
  await engine.start();
  const deletion = {deletedAt: store.read(readClock), storageTime: {seconds: 0, nanos: 0}, agent: 0};
  await store.write(txn => txn.putTombstone(rootDirectory, fromText('f'), deletion));
  for (let start = 0; start < 2; start++) {
    laterMs += 1e10;
    engine = newEngine();
    await engine.start();
    laterMs += settings.tombstoneRetentionMs / 3;
    await engine.tick();
    expect(remembered()).toEqual(['f']);
  }
  laterMs += settings.tombstoneRetentionMs;
  await engine.tick();
  expect(remembered()).toEqual([]);
});
