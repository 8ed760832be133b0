import {expect, test} from 'vitest';
import {openMemoryTree} from '../../test/lib/memory-tree.ts';
import {fromText} from '../entry/byte-string.ts';
import {type Path, rootPath} from '../entry/path.ts';
import type {FsEvent, ScanSource} from '../protocol/events.ts';
import {onlyRun} from '../tree/context.ts';
import {readJob, readJobs} from '../view/jobs.ts';
import {ingest} from './ingest.ts';
import {jobsToRun, requestScan} from './jobs.ts';
import {endSession, endSilentSessions, openSession} from './session.ts';

const settings = {hotFileThresholdMs: 30_000, cacheWindowMs: 120_000, tombstoneRetentionMs: 3_600_000};
const start = Date.UTC(2026, 0, 1);
const path = (text: string) => fromText(text) as Path;

function view() {
  const store = openMemoryTree();
  const numbers = new Map<string, number>();
  let made = 0;
  return {
    store,
    open: async (agent_id: string, instance = '1') => {
      const request = {view: 'v', schema: 'fs', agent_id, pipe: 'p', instance} as const;
      const id = `v.${++made}`;
      const options = {id, key: 'k', nowMs: start + made, timeoutMs: 30_000};
      return (await store.write(txn => openSession(txn, request, options))).session.id;
    },
    say: async (session: string, events: FsEvent[], nowMs = start) => {
      const number = (numbers.get(session) ?? 0) + 1;
      numbers.set(session, number);
      await store.write(txn =>
        ingest(
          txn,
          {session, number, sentAt: 0, heard: undefined, events},
          {arrival: {viewMs: nowMs, wallMs: nowMs, run: onlyRun}, settings},
        ),
      );
    },
    ask: (at: string, {id = `j${++made}`, isRecursive = true, nowMs = start + ++made} = {}) =>
      store.write(txn => requestScan(txn, {id, path: path(at), isRecursive, key: 'scripts', nowMs})),
    job: (id: string) => store.read(txn => readJob(txn, id)),
    jobs: () => store.read(txn => readJobs(txn)),
    waiting: () => store.read(txn => jobsToRun(txn).map(({id}) => id)),
  };
}

function phases(scan: string, at: Path, source: ScanSource = 'on_demand') {
  const of = {kind: 'phase', source, scan, path: at} as const;
  return {
    begin: {...of, phase: 'scan_begin'},
    progress: (directories: number) => ({...of, phase: 'scan_progress', directories, entries: 10 * directories}),
    end: (isComplete = true, reason?: string) => ({...of, phase: 'scan_end', isComplete, reason}),
  } satisfies Record<string, FsEvent | ((...values: never[]) => FsEvent)>;
}

test('a scan that is asked for waits, is begun by the leader, tells how far it is, and is done', async () => {
  const {open, say, ask, job, waiting} = view();
  const session = await open('a');
  const {job: asked, isNew} = await ask('/d', {id: 'j'});
  expect({isNew, asked, waiting: waiting()}).toMatchObject({
    isNew: true,
    asked: {id: 'j', state: 'queued', source: 'on_demand', requestedBy: 'scripts', startedAt: 0},
    waiting: ['j'],
  });
  const scan = phases('j', path('/d'));
  await say(session, [scan.begin], start + 10);
  expect(job('j')).toMatchObject({state: 'running', startedAt: start + 10, agent: 'a', session});
  expect(waiting()).toEqual([]);
  await say(session, [scan.progress(2)]);
  expect(job('j')?.progress).toMatchObject({directories: 2, entries: 20});
  await say(session, [scan.progress(3), scan.end()], start + 20);
  expect(job('j')).toMatchObject({state: 'done', endedAt: start + 20, progress: {directories: 3}});
});

test('what is asked for twice is one job as long as it waits or runs, and a new one afterwards', async () => {
  const {open, say, ask} = view();
  const session = await open('a');
  const {job} = await ask('/d');
  expect(await ask('/d')).toMatchObject({job: {id: job.id}, isNew: false});
  expect((await ask('/d', {isRecursive: false})).isNew).toBe(true);
  const scan = phases(job.id, path('/d'));
  await say(session, [scan.begin]);
  expect(await ask('/d')).toMatchObject({job: {id: job.id, state: 'running'}, isNew: false});
  await say(session, [scan.end()]);
  expect((await ask('/d')).isNew).toBe(true);
});

test('a hundred wait at most', async () => {
  const {ask, waiting} = view();
  for (let i = 0; i < 100; i++) await ask(`/d${i}`);
  await expect(ask('/one-more')).rejects.toMatchObject({code: 'TOO_MANY_JOBS', status: 429});
  expect(await ask('/d7')).toMatchObject({isNew: false});
  expect(waiting()).toHaveLength(100);
});

test('a scan that was asked for goes to the next leader when its session ends or falls silent', async () => {
  const {store, open, say, ask, job, waiting} = view();
  const [a, b] = [await open('a'), await open('b')];
  await ask('/d', {id: 'j'});
  const scan = phases('j', path('/d'));
  await say(a, [scan.begin, scan.progress(5)]);
  await store.write(txn => endSession(txn, a, start));
  expect(job('j')).toMatchObject({state: 'queued', startedAt: 0, progress: {directories: 0}});
  await say(b, [scan.begin]);
  expect(job('j')).toMatchObject({state: 'running', agent: 'b'});
  await store.write(txn => endSilentSessions(txn, () => true, start));
  expect(waiting()).toEqual(['j']);
  const again = await open('b', 'started again');
  await say(again, [scan.begin]);
  await open('b', 'and again');
  expect(waiting()).toEqual(['j']);
});

test('a word of a session that lost a job does not count', async () => {
  const {store, open, say, ask, job} = view();
  const [a, b] = [await open('a'), await open('b')];
  await ask('/d', {id: 'j'});
  const scan = phases('j', path('/d'));
  await say(a, [scan.begin]);
  await store.write(txn => endSession(txn, a, start));
  const follower = await open('a');
  await say(follower, [scan.progress(7), scan.end()]);
  expect(job('j')).toMatchObject({state: 'queued'});
  await say(b, [scan.begin]);
  await say(follower, [scan.end()]);
  expect(job('j')).toMatchObject({state: 'running', agent: 'b'});
  await say(b, [scan.end()]);
  await say(b, [scan.progress(9), scan.end(false, 'too late')]);
  expect(job('j')).toMatchObject({state: 'done', progress: {directories: 0}});
});

test('a leader that lost its session and leads again goes on with the job that it was making', async () => {
  const {store, open, say, ask, job} = view();
  await ask('/d', {id: 'j'});
  const scan = phases('j', path('/d'));
  const first = await open('a');
  await say(first, [scan.begin]);
  await store.write(txn => endSession(txn, first, start));
  const second = await open('a');
  await say(second, [scan.progress(4)]);
  expect(job('j')).toMatchObject({state: 'running', session: second, progress: {directories: 4}});
  await say(second, [scan.end(false, 'the storage is not mounted')]);
  expect(job('j')).toMatchObject({state: 'failed', reason: 'the storage is not mounted'});
});

test('snapshots and audits are jobs too, which fail with their session', async () => {
  const {store, open, say, jobs, waiting} = view();
  const session = await open('a');
  const snapshot = phases('a-1', rootPath, 'snapshot');
  const audit = phases('a-2', rootPath, 'audit');
  await say(session, [snapshot.begin, snapshot.progress(9), snapshot.end()], start);
  await say(session, [audit.begin, audit.progress(3)], start + 5);
  expect(jobs()).toMatchObject([
    {id: 'a-2', source: 'audit', state: 'running', progress: {directories: 3}},
    {id: 'a-1', source: 'snapshot', state: 'done', path: '/', startedAt: start},
  ]);
  await store.write(txn => endSession(txn, session, start + 9));
  expect(jobs()[0]).toMatchObject({state: 'failed', endedAt: start + 9, reason: expect.stringContaining('session')});
  expect(waiting()).toEqual([]);
});

test('the newest hundred that have ended are kept, and a pipe that never tells an end fills nothing', async () => {
  const {open, say, jobs} = view();
  const session = await open('a');
  for (let i = 0; i < 150; i++) {
    const scan = phases(`s${i}`, rootPath, 'audit');
    await say(session, [scan.begin, scan.end()], start + i);
  }
  expect(jobs().map(({id}) => id)).toEqual(Array.from({length: 100}, (_, i) => `s${149 - i}`));
  for (let i = 0; i < 200; i++) await say(session, [phases(`t${i}`, rootPath, 'audit').begin], start + 1_000 + i);
  expect(jobs().filter(({state}) => state === 'running')).toHaveLength(32);
  expect(jobs()).toHaveLength(132);
});

test('what a follower may have missed is scanned by the leader, once for gaps that come together; a leader rescans by itself', async () => {
  const {open, say, jobs} = view();
  const leader = await open('a');
  const follower = await open('b');
  const gap = (at: string): FsEvent => ({kind: 'phase', phase: 'gap', path: path(at), reason: 'overflow'});
  await say(leader, [gap('/')]);
  expect(jobs()).toEqual([]);
  await say(follower, [gap('/d'), gap('/d/e'), gap('/d')]);
  expect(jobs()).toMatchObject([{path: '/d', isRecursive: true, state: 'queued', requestedBy: 'a gap of b'}]);
});
