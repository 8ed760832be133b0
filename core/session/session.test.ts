import {expect, test} from 'vitest';
import {openMemoryTree} from '../../test/lib/memory-tree.ts';
import {fromText} from '../entry/byte-string.ts';
import {kinds, zeroTime} from '../entry/entry.ts';
import {type Path, rootPath} from '../entry/path.ts';
import type {FsEvent} from '../protocol/events.ts';
import type {ToldUntil} from '../protocol/session.ts';
import {resolve} from '../query/resolve.ts';
import {hlcAt} from '../time/hlc.ts';
import {onlyRun} from '../tree/context.ts';
import {readRejected, readViewStatus} from '../view/view-status.ts';
import {type Arrival, heartbeat, ingest, skipBatch} from './ingest.ts';
import {jobsToRun} from './jobs.ts';
import {endSession, endSilentSessions, getSession, openSession, readSessions} from './session.ts';

const settings = {hotFileThresholdMs: 30_000, cacheWindowMs: 120_000, tombstoneRetentionMs: 3_600_000};
const start = Date.UTC(2026, 0, 1);
const timeoutMs = 30_000;
const at = (ms: number) => ({viewMs: ms, wallMs: ms, run: onlyRun});

function view() {
  const store = openMemoryTree();
  let made = 0;
  return {
    store,
    open: (agent_id: string, instance: string, nowMs = start) =>
      store.write(txn =>
        openSession(
          txn,
          {view: 'v', schema: 'fs', agent_id, pipe: 'p', instance},
          {id: `v.${++made}`, key: 'k', nowMs, timeoutMs},
        ),
      ),
    send: (session: string, number: number, events: FsEvent[], arrivedAtMs = start) =>
      store.write(txn =>
        ingest(txn, {session, number, sentAt: 0, heard: undefined, events}, {arrival: at(arrivedAtMs), settings}),
      ),
    roles: () => store.read(txn => Object.fromEntries(readSessions(txn).map(({agent, role}) => [agent, role]))),
  };
}

const upsert = (at: string): FsEvent => ({
  kind: 'upsert',
  path: fromText(at) as Path,
  attributes: {kind: kinds.file, size: 1, mtime: zeroTime, ctime: zeroTime},
  isAtomic: true,
  observedAt: 0,
});
const remove = (at: string): FsEvent => ({kind: 'delete', path: fromText(at) as Path, observedAt: 0});

test('the first session leads, and the lead passes only when it ends', async () => {
  const {store, open, roles} = view();
  const {session} = await open('a', '1');
  await open('b', '1', start + 1);
  await open('c', '1', start + 2);
  expect(roles()).toEqual({a: 'leader', b: 'follower', c: 'follower'});
  await store.write(txn => endSession(txn, session.id, start));
  expect(roles()).toEqual({b: 'leader', c: 'follower'});
  await open('a', '1', start + 3);
  expect(roles()).toEqual({a: 'follower', b: 'leader', c: 'follower'});
});

test('a pipe that lost its connection goes on with its session; one that was started again keeps its role', async () => {
  const {open, send, roles} = view();
  const first = await open('a', '1');
  await open('b', '1', start + 1);
  await send(first.session.id, 1, [upsert('/f')]);
  const again = await open('a', '1');
  expect(again).toMatchObject({isResumed: true, session: {id: first.session.id, lastBatch: 1, role: 'leader'}});
  const restarted = await open('a', '2');
  expect(restarted).toMatchObject({isResumed: false, session: {lastBatch: 0, role: 'leader'}});
  expect(roles()).toEqual({a: 'leader', b: 'follower'});
  await expect(send(first.session.id, 2, [])).rejects.toMatchObject({code: 'SESSION_UNKNOWN'});
});

test('a pipe whose session timed out comes back to it, behind the same last batch, and does not take the lead back', async () => {
  const {store, open, send, roles} = view();
  const a = await open('a', '1');
  await open('b', '1', start + 1);
  await send(a.session.id, 1, [upsert('/f')]);
  await store.write(txn => endSilentSessions(txn, ({agent}) => agent === 'a', start));
  const again = await open('a', '1', start + 2);
  expect(again).toMatchObject({isResumed: true, session: {id: a.session.id, lastBatch: 1}});
  expect(roles()).toEqual({a: 'follower', b: 'leader'});
  await store.write(txn => endSilentSessions(txn, ({agent}) => agent === 'a', start));
  expect(await open('a', '2', start + 3)).toMatchObject({isResumed: false, session: {lastBatch: 0}});
});

test('when sessions end the lead passes on', async () => {
  const {store, open, roles} = view();
  await open('a', '1');
  await open('b', '1', start + 1);
  const ended = await store.write(txn => endSilentSessions(txn, ({agent}) => agent === 'a', start));
  expect(ended.map(({agent}) => agent)).toEqual(['a']);
  expect(roles()).toEqual({b: 'leader'});
});

test('a batch that is sent again changes nothing', async () => {
  const {store, open, send} = view();
  const {id} = (await open('a', '1')).session;
  await send(id, 1, [upsert('/f')]);
  await send(id, 2, [remove('/f')]);
  const seq = store.read(txn => txn.seq());
  const repeated = await send(id, 1, [upsert('/f')]);
  expect(repeated.arbitration).toBeUndefined();
  expect(store.read(txn => [txn.seq(), resolve(txn, fromText('/f') as Path).entry])).toEqual([seq, undefined]);
});

test('behind a batch that was kept aside the stream goes on', async () => {
  const {store, open, send} = view();
  const {id} = (await open('a', '1')).session;
  await store.write(txn => skipBatch(txn, {session: id, number: 1, reason: 'it breaks the protocol'}, at(start)));
  expect((await send(id, 2, [upsert('/f')])).session.lastBatch).toBe(2);
  const last = {at: start, session: id, agent: 'a', batch: 1, reason: 'it breaks the protocol'};
  expect(store.read(readRejected as never)).toEqual({count: 1, last});
});

test('a batch that was kept aside is a gap, and what a follower said in it is read by the leader', async () => {
  const {store, open} = view();
  const [a, b] = [(await open('a', '1')).session.id, (await open('b', '1')).session.id];
  const reject = (session: string, number: number) =>
    store.write(txn => skipBatch(txn, {session, number, reason: 'no'}, at(start)));
  const now = await reject(a, 1);
  expect(store.read(jobsToRun)).toEqual([]); // the leader's pipe reads again by itself
  await reject(b, 1);
  const {recentGaps, gaps} = store.read(txn => getSession(txn, a));
  expect({recentGaps, gaps}).toEqual({
    recentGaps: [{path: rootPath, reason: 'batch 1 was rejected', at: now}],
    gaps: 1,
  });
  expect(store.read(jobsToRun)).toMatchObject([{path: rootPath, isRecursive: true, requestedBy: 'a gap of b'}]);
  await reject(b, 1);
  expect(store.read(txn => getSession(txn, b).gaps)).toBe(1);
});

test('a heartbeat proves what its agent knew when it made it, however late it arrives', async () => {
  const {store, open} = view();
  const {id} = (await open('a', '1')).session;
  const hlc = hlcAt(start);
  const beat = (toldUntil: ToldUntil | undefined, arrival: Arrival, queued = 0) =>
    store.write(txn => heartbeat(txn, {session: id, queued, toldUntil, ...arrival}).session.caughtUpAt);
  const late = at(start + 60_000);
  expect(await beat(undefined, late)).toBeUndefined(); // of an agent of an earlier version
  expect(await beat({hlc, ms: 5}, late, 1)).toBeUndefined();
  expect(await beat({hlc, ms: 5_000}, late)).toBe(hlcAt(start + 5_000));
  expect(await beat({hlc, ms: -1_000}, late)).toBe(hlcAt(start + 5_000));
  const run = {since: hlcAt(start + 30_000), before: hlcAt(start + 10_000)};
  const heardBefore = hlcAt(start + 9_000);
  expect(await beat({hlc: heardBefore, ms: 40_000}, {...late, run})).toBe(heardBefore);
  expect(await beat({hlc, ms: 1e9}, late)).toBeLessThan(hlcAt(start + 60_001));
});

test('a batch proves that nothing else happened up to its newest event, unless something waited or was still looked at', async () => {
  const {store, open} = view();
  const {id} = (await open('a', '1')).session;
  let number = 0;
  const send = (sentAt: number, observed: number[], {told, arrivedAtMs}: {told?: number; arrivedAtMs: number}) => {
    const events = observed.map(observedAt => ({...upsert('/f'), observedAt}) as FsEvent);
    const toldUntil = told === undefined ? undefined : {hlc: hlcAt(start), ms: told};
    const batch = {session: id, number: ++number, sentAt, heard: {hlc: hlcAt(start), at: 0}, toldUntil, events};
    return store.write(txn => ingest(txn, batch, {arrival: at(start + arrivedAtMs), settings}).session.caughtUpAt);
  };
  const soon = {told: 3_000, arrivedAtMs: 3_000};
  expect(await send(3_000, [1_000], soon)).toBeUndefined(); // a change from before may have been folded into one behind it
  const late = {arrivedAtMs: 65_000};
  expect(await send(5_000, [4_800, 4_900], late)).toBeUndefined(); // an agent that does not tell
  expect(await send(5_000, [4_800, 4_900], {...late, told: 2_000})).toBe(hlcAt(start + 2_000));
  expect(await send(6_000, [5_800, 5_900], {...late, told: 6_000})).toBe(hlcAt(start + 5_700));
});

test("the view's clock never goes back, whatever the wall clock does", async () => {
  const {open, send} = view();
  const {id} = (await open('a', '1')).session;
  const first = await send(id, 1, [], start + 10_000);
  const second = await send(id, 2, [], start - 86_400_000);
  expect(second.now).toBeGreaterThan(first.now);
});

test('a view is empty, in snapshot, live and stale', async () => {
  const {store, open, send} = view();
  const sync = (nowMs = start) => store.read(txn => readViewStatus(txn, nowMs).sync);
  expect(sync()).toBe('empty');
  const {id} = (await open('a', '1')).session;
  expect(sync()).toBe('snapshot');
  const scan = {kind: 'phase', source: 'snapshot', scan: 's', path: rootPath} as const;
  await send(id, 1, [{...scan, phase: 'scan_begin'}, upsert('/f')]);
  expect(store.read(txn => readSessions(txn)[0]!.scans)).toMatchObject([{id: 's', source: 'snapshot'}]);
  await send(id, 2, [{...scan, phase: 'scan_end', isComplete: true, reason: undefined}]);
  expect(sync()).toBe('live');
  expect(sync(start + timeoutMs + 1)).toBe('stale');
  await send(id, 3, [{kind: 'phase', phase: 'unavailable', reason: 'unmounted'}]);
  expect(sync()).toBe('stale');
});
