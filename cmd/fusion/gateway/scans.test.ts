import {createHash, randomUUID} from 'node:crypto';
import {createServer as createHttpServer} from 'node:http';
import {join} from 'node:path';
import {getRequestListener} from '@hono/node-server';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {fromBytes, fromText} from '../../../core/entry/byte-string.ts';
import {kinds, newEntryFrom} from '../../../core/entry/entry.ts';
import type {Path} from '../../../core/entry/path.ts';
import type {Log} from '../../../core/log/log.ts';
import {encodeBatch} from '../../../core/protocol/codec.ts';
import type {FsEvent} from '../../../core/protocol/events.ts';
import {hlcAt} from '../../../core/time/hlc.ts';
import {rootDirectory, type TreeStore} from '../../../core/tree/tree-store.ts';
import {gatewayParts} from '../../../test/lib/gateway-app.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {until} from '../../../test/lib/until.ts';
import {KeyRing} from '../../http/keys.ts';
import {systemClock} from '../../system-clock.ts';
import {listenUnix} from '../../unix-socket.ts';
import {noDeathMarks} from '../engine/death-marks.ts';
import {Engine} from '../engine/engine.ts';
import {EngineMetrics} from '../engine/engine-metrics.ts';
import {createEngineServer} from '../engine/engine-server.ts';
import {createApp, type GatewayApp} from './app.ts';
import {Views} from './views.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const settings = {
  ...{view: 'site', hotFileThresholdMs: 30_000, cacheWindowMs: 120_000, tombstoneRetentionMs: 3_600_000},
  sessionTimeoutMs: 30_000,
};
const time = {seconds: 1_700_000_000, nanos: 120_000_000};
const foundAt = hlcAt(Date.UTC(2026, 0, 1));
const name = fromText;

/** A gateway and an engine with its socket, on one store in memory. */
let store: TreeStore;
let app: GatewayApp;
let leaving: AbortController;
let cleanups: (() => unknown)[];
beforeEach(async () => {
  store = openMemoryTree();
  leaving = new AbortController();
  cleanups = [];
  const folder = temporaryFolder('fustor-scans-');
  cleanups.push(folder.remove);
  const engineSocket = join(folder.path, 'engine.sock');
  const metrics = new EngineMetrics('site');
  const keepAside = async () => 'nowhere';
  const parts = {store, clock: systemClock, log, metrics, randomId: randomUUID, keepAside, marks: noDeathMarks};
  const signal = new AbortController().signal;
  const server = createEngineServer(new Engine(settings, parts), {log, metrics: async () => [], signal});
  await listenUnix(server, engineSocket);
  cleanups.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
  const views = ['site', 'away'].map(view => ({
    ...{name: view, reader: store},
    engineSocket: view === 'site' ? engineSocket : '/nowhere/engine.sock',
  }));
  app = createApp(
    gatewayParts({
      keys: new KeyRing([
        {name: 'scripts', role: 'reader', sha256: sha256('key-of-scripts'), views: ['site']},
        {name: 'all', role: 'reader', sha256: sha256('key-of-all'), views: '*'},
        {name: 'agents', role: 'agent', sha256: sha256('key-of-agents'), views: '*'},
      ]),
      views: new Views(views),
      leaving: leaving.signal,
    }),
  );
});
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

type Told = {id: string; session_id: string; requested_at: string; children: {name: string}[]};
type Rows = {id: string; path: string; change: string}[];
type Meta = {next_cursor: string | null; job: {id: string}};
type Body<Data> = {data: Data; meta: Meta; error: {code: string}};
type Asked<Data> = {status: number; headers: Headers; body: Body<Data>};

async function ask<Data = Told>(
  path: string,
  {body, key = 'key-of-scripts'}: {body?: unknown; key?: string} = {},
): Promise<Asked<Data>> {
  const init = body === undefined ? {} : {method: 'POST', body: JSON.stringify(body)};
  const response = await app.request(`/api/v1${path}`, {...init, headers: {authorization: `Bearer ${key}`}});
  return {status: response.status, headers: response.headers, body: (await response.json()) as Body<Data>};
}

/** An agent's session, which says something of a scan. */
async function openSession() {
  const request = {view: 'site', schema: 'fs', agent_id: 'node-a', pipe: 'p', instance: '1'};
  const {body} = await ask('/pipe/sessions', {body: request, key: 'key-of-agents'});
  const session = body.data.session_id;
  let number = 0;
  return {
    session,
    say: async (...events: FsEvent[]) => {
      number++;
      const response = await app.request(`/api/v1/pipe/sessions/${session}/events`, {
        method: 'POST',
        body: encodeBatch({session, number, heard: undefined, events}) as Uint8Array<ArrayBuffer>,
        headers: {authorization: 'Bearer key-of-agents', 'x-fustor-batch': String(number), 'x-fustor-sent-at': '0'},
      });
      expect(response.status).toBe(200);
    },
  };
}

const scan = (id: string, at: string) =>
  ({kind: 'phase', source: 'on_demand', scan: id, path: name(at) as Path}) as const;

test('POST fs/scan makes a job: 202, the same again 200, and its path and state are told', async () => {
  const {session, say} = await openSession();
  const first = await ask('/fs/scan', {body: {path: '/d', recursive: false}});
  expect({status: first.status, ...first.body}).toMatchObject({
    status: 202,
    data: {
      ...{source: 'on_demand', path: '/d', recursive: false, state: 'queued', requested_by: 'scripts'},
      ...{requested_at: expect.stringMatching(/^20/), started_at: null, ended_at: null, agent: null},
      ...{progress: {directories: 0, entries: 0}, reason: null},
    },
    meta: {view: 'site', leader: 'node-a'},
  });
  const {id} = first.body.data;
  const again = await ask('/views/site/fs/scan', {body: {path: 'd/', recursive: false}, key: 'key-of-all'});
  expect({status: again.status, id: again.body.data.id}).toEqual({status: 200, id});

  await say({...scan(id, '/d'), phase: 'scan_begin'});
  await say({...scan(id, '/d'), phase: 'scan_progress', directories: 1, entries: 7});
  expect((await ask(`/jobs/${id}`)).body.data).toMatchObject({
    ...{state: 'running', agent: 'node-a', session, progress: {directories: 1, entries: 7}},
  });
  const status = (await ask('/status')).body.data;
  expect(status).toMatchObject({
    jobs: {queued: 0, running: 1},
    agents: [{role: 'leader', scans: [{job: id, source: 'on_demand', path: '/d', directories: 1, entries: 7}]}],
  });
  await say({...scan(id, '/d'), phase: 'scan_end', isComplete: true, reason: undefined});
  expect((await ask(`/jobs/${id}`)).body.data).toMatchObject({state: 'done', ended_at: expect.any(String)});
});

test('a path that is not UTF-8 is scanned, and told by its bytes', async () => {
  const path_b64 = Buffer.from('/d\xff', 'latin1').toString('base64url');
  expect((await ask('/fs/scan', {body: {path_b64}})).body.data).toMatchObject({path: '/d\ufffd', path_b64});
});

test('jobs come newest first, by state and with a limit', async () => {
  const {say} = await openSession();
  const ids: string[] = [];
  for (const at of ['/a', '/b', '/c']) {
    ids.push((await ask('/fs/scan', {body: {path: at}})).body.data.id);
    await until(async () => Date.now() > Date.parse((await ask(`/jobs/${ids.at(-1)}`)).body.data.requested_at));
  }
  const listed = async (query: string) => (await ask<Rows>(`/jobs${query}`)).body.data.map(({id}) => id);
  expect(await listed('')).toEqual([...ids].reverse());
  expect(await listed('?limit=1')).toEqual([ids[2]]);
  await say({...scan(ids[1]!, '/b'), phase: 'scan_begin'});
  expect(await listed('?state=running')).toEqual([ids[1]]);
  expect(await listed('?state=queued')).toEqual([ids[2], ids[0]]);
  expect(await listed('?state=failed')).toEqual([]);
});

test.each([
  ['not JSON', undefined, 400],
  ['an unknown setting', {pth: '/a'}, 400],
  ['a path with ..', {path: '/a/../b'}, 400],
  ['both paths', {path: '/a', path_b64: 'L2E'}, 400],
])('an order with %s is refused with a hint', async (_, body, status) => {
  const init = {method: 'POST', headers: {authorization: 'Bearer key-of-scripts'}};
  const answer = await app.request('/api/v1/fs/scan', {...init, body: body === undefined ? '{' : JSON.stringify(body)});
  const {error} = (await answer.json()) as Body<Told>;
  expect({status: answer.status, ...error}).toMatchObject({status, code: 'BAD_REQUEST', hint: expect.any(String)});
});

test('a hundred scans wait at most: then 429 with Retry-After; agents may not ask; an unknown job is 404', async () => {
  for (let i = 0; i < 100; i++) expect((await ask('/fs/scan', {body: {path: `/d${i}`}})).status).toBe(202);
  const more = await ask('/fs/scan', {body: {path: '/more'}});
  expect({status: more.status, after: more.headers.get('retry-after'), code: more.body.error.code}).toEqual({
    ...{status: 429, after: '5', code: 'TOO_MANY_JOBS'},
  });
  expect((await ask('/fs/tree?on_demand_scan=true')).body.meta).toMatchObject({
    job: null,
    job_error: expect.stringContaining('100 scans'),
  });
  expect((await ask('/fs/scan', {body: {}, key: 'key-of-agents'})).status).toBe(403);
  expect(await ask('/jobs/nothing')).toMatchObject({status: 404, body: {error: {code: 'JOB_NOT_FOUND'}}});
});

test('without its engine a view refuses an order with 503 and Retry-After, and still tells its tree and its jobs', async () => {
  const asked = await ask('/views/away/fs/scan', {body: {}, key: 'key-of-all'});
  expect({status: asked.status, after: asked.headers.get('retry-after')}).toEqual({status: 503, after: '1'});
  const tree = await ask('/views/away/fs/tree?on_demand_scan=true', {key: 'key-of-all'});
  expect({status: tree.status, ...tree.body.meta}).toMatchObject({
    ...{status: 200, job: null, job_error: expect.stringContaining('does not answer')},
  });
  for (const path of ['jobs', 'fs/blind-spots', 'fs/suspects', 'status']) {
    expect((await ask(`/views/away/${path}`, {key: 'key-of-all'})).status).toBe(200);
  }
});

test('on_demand_scan=true answers what is known and asks for a scan as deep as the answer', async () => {
  await store.write(txn => txn.put(rootDirectory, file('f')));
  const {status, body} = await ask('/fs/tree?on_demand_scan=true');
  expect({status, names: body.data.children.map(child => child.name)}).toEqual({
    status: 200,
    names: ['f'],
  });
  expect(body.meta.job).toEqual({id: expect.any(String), state: 'queued'});
  expect((await ask(`/jobs/${body.meta.job.id}`)).body.data).toMatchObject({path: '/', recursive: false});
  const deep = (await ask('/fs/tree?on_demand_scan=true&recursive=true&limit=1')).body.meta;
  expect((await ask(`/jobs/${deep.job.id}`)).body.data).toMatchObject({path: '/', recursive: true});
  const missing = await ask('/fs/tree?path=/x&on_demand_scan=true');
  expect(missing).toMatchObject({status: 404, body: {meta: {job: {state: 'queued'}}}});
  expect((await ask('/fs/tree')).body.meta.job).toBeUndefined();
});

const file = (text: string, changes = {}) => ({
  ...newEntryFrom(name(text), {kind: kinds.file, size: 3, mtime: time, ctime: time}),
  ...changes,
});

test('blind spots are told below a path, in pages, with their change; what is not true any more is not', async () => {
  await store.write(txn => {
    const kind = kinds.directory;
    const a = txn.put(rootDirectory, file('a', {kind})).directory;
    const strange = txn.put(a, file('', {kind, name: fromBytes(Buffer.of(0xff))})).directory;
    for (let i = 0; i < 5; i++) {
      txn.put(a, file(`f${i}`, {isBlindSpot: true}));
      txn.putBlindSpot(a, name(`f${i}`), i % 2 === 0 ? 'created' : 'modified', foundAt);
    }
    txn.putBlindSpot(strange, name('gone'), 'deleted', foundAt);
    txn.putBlindSpot(rootDirectory, name('gone'), 'deleted', foundAt);
    txn.put(a, file('seen'));
    txn.putBlindSpot(a, name('seen'), 'created', foundAt); // a watcher saw it since
    txn.put(a, file('back'));
    txn.putBlindSpot(a, name('back'), 'deleted', foundAt); // something stands there again
    const b = txn.put(rootDirectory, file('b', {kind})).directory;
    txn.putBlindSpot(b, name('lost'), 'deleted', foundAt);
    txn.remove(rootDirectory, name('b'));
  });
  const all = (await ask<Rows>('/fs/blind-spots')).body;
  expect(all.data[0]).toEqual({path: '/gone', change: 'deleted', found_at: '2026-01-01T00:00:00.000Z'});
  expect(all.data.map(({path, change}) => `${path} ${change}`)).toEqual([
    ...['/gone deleted', '/a/f0 created', '/a/f1 modified', '/a/f2 created', '/a/f3 modified', '/a/f4 created'],
    '/a/\ufffd/gone deleted',
  ]);
  expect(all.data.at(-1)).toMatchObject({path_b64: Buffer.from('/a/\xff/gone', 'latin1').toString('base64url')});
  expect(all.meta).toMatchObject({view: 'site', blind_spot: 5, next_cursor: null});
  const below = (await ask<Rows>('/fs/blind-spots?path=/a')).body.data;
  expect(below).toHaveLength(6);
  expect((await ask('/fs/blind-spots?path=/a/f1')).body.data).toMatchObject([{path: '/a/f1'}]);
  expect((await ask('/fs/blind-spots?path=/gone')).body.data).toMatchObject([{path: '/gone'}]);
  expect(await pages('/fs/blind-spots', 2)).toEqual(all.data);
  await expect(ask('/fs/blind-spots?cursor=Lw')).resolves.toMatchObject({status: 400});
});

test('suspects are told once each, by path, also when a file has several rows or is renewed between two pages', async () => {
  await store.write(txn => {
    const watch = (text: string, expiresAt: number) =>
      txn.putSuspect(expiresAt, {directory: rootDirectory, name: name(text), size: 3, ctime: time});
    for (const text of ['c', 'a', 'e', 'b', 'd']) {
      txn.put(rootDirectory, file(text, {isSuspect: true}));
      watch(text, foundAt + text.charCodeAt(0));
      watch(text, foundAt + 1_000_000);
    }
    txn.put(rootDirectory, file('closed'));
    watch('closed', foundAt);
    watch('removed', foundAt);
  });
  const {body} = await ask<Rows>('/fs/suspects');
  expect(body.data[0]).toEqual({
    ...{path: '/a', size: 3, expires_at: '2026-01-01T00:00:00.000Z', modified_time: 1_700_000_000.12},
  });
  expect(body.data.map(({path}) => path)).toEqual(['/a', '/b', '/c', '/d', '/e']);
  expect(body.meta).toMatchObject({suspect: 5, next_cursor: null});
  expect(await pages('/fs/suspects', 1)).toEqual(body.data);
  expect((await ask('/fs/suspects?path=/c')).body.data).toMatchObject([{path: '/c'}]);

  const first = (await ask('/fs/suspects?limit=2')).body;
  await store.write(txn => {
    txn.removeSuspect(foundAt + 'a'.charCodeAt(0), rootDirectory, name('a'));
    txn.putSuspect(foundAt + 2_000_000, {directory: rootDirectory, name: name('a'), size: 3, ctime: time});
  });
  const second = (await ask<Rows>(`/fs/suspects?limit=9&cursor=${first.meta.next_cursor}`)).body;
  expect(second.data.map(({path}) => path)).toEqual(['/c', '/d', '/e']);
});

async function pages(path: string, limit: number): Promise<unknown[]> {
  const rows: unknown[] = [];
  let cursor = '';
  do {
    const {body} = await ask<Rows>(`${path}?limit=${limit}${cursor}`);
    expect(body.data.length).toBeLessThanOrEqual(limit);
    rows.push(...body.data);
    cursor = body.meta.next_cursor === null ? '' : `&cursor=${body.meta.next_cursor}`;
  } while (cursor !== '');
  return rows;
}

test('a gateway that leaves answers held heartbeats, and one that hung up is not waited for', async () => {
  const {session} = await openSession();
  const server = createHttpServer(getRequestListener(app.fetch)).listen(0, '127.0.0.1');
  cleanups.push(() => server.close());
  await until(() => server.listening);
  const {port} = server.address() as {port: number};
  const body = JSON.stringify({queued: 0, wait_ms: 20_000, role: 'leader'});
  const beat = (signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${port}/api/v1/pipe/sessions/${session}/heartbeat`, {
      ...{method: 'POST', body, headers: {authorization: 'Bearer key-of-agents'}, ...(signal && {signal})},
    });
  const gone = new AbortController();
  const abandoned = beat(gone.signal);
  const held = beat();
  const connections = () => new Promise<number>(resolve => server.getConnections((_, count) => resolve(count)));
  await until(async () => (await connections()) === 2);
  gone.abort();
  await expect(abandoned).rejects.toThrow();
  leaving.abort();
  const answer = await held;
  expect({status: answer.status, ...((await answer.json()) as Body<Told>).data}).toMatchObject({
    ...{status: 200, role: 'leader', scans: []},
  });
  server.closeAllConnections();
});
