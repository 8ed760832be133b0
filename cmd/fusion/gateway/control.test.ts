import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {getRequestListener} from '@hono/node-server';
import {afterEach, expect, test} from 'vitest';
import type {Log} from '../../../core/log/log.ts';
import {gatewayParts} from '../../../test/lib/gateway-app.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import {RawClient} from '../../../test/lib/raw-client.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {until} from '../../../test/lib/until.ts';
import {runEmbeddedController} from '../../controller/run-controller.ts';
import {hashKeys, KeyRing} from '../../http/keys.ts';
import {listenUnix, requestUnix} from '../../unix-socket.ts';
import {createApp, type GatewayApp} from './app.ts';
import {Bodies} from './bodies.ts';
import {Views} from './views.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const keys = hashKeys([
  {name: 'agents', role: 'agent', key: 'key-of-agents', views: []},
  {name: 'admins', role: 'admin', key: 'key-of-admins', views: '*'},
  {name: 'ops', role: 'operator', key: 'key-of-operators', views: '*'},
]);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A gateway, and the controller that its fusion embeds. */
function site() {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  const socket = join(folder.path, 'run/controller.sock');
  const leaving = new AbortController();
  const bodies = new Bodies();
  return {
    socket,
    leaving,
    bodies,
    app: gateway(socket, leaving.signal, bodies),
    startController: async () => {
      const stop = new AbortController();
      const config = {directory: join(folder.path, 'controller'), socket, keys};
      const running = runEmbeddedController(config, {log, signal: stop.signal});
      await until(() => requestUnix({socket, method: 'GET', path: '/health', timeoutMs: 1_000}).catch(() => false));
      const end = async () => {
        stop.abort();
        await running;
      };
      cleanups.push(end);
      return {end};
    },
  };
}

function gateway(controllerSocket: string | undefined, leaving: AbortSignal, bodies = new Bodies()): GatewayApp {
  return createApp(
    gatewayParts({
      keys: new KeyRing(keys),
      views: new Views([{name: 'v', reader: openMemoryTree(), engineSocket: '/nowhere/engine.sock'}]),
      leaving,
      bodies,
      controllerSocket,
    }),
  );
}

const heartbeat = {
  agent_id: 'node-a',
  instance: 'one',
  sequence: 1,
  shell: {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: 'h'},
  config: {state: 'running'},
  parts: [{...{name: 'payload-p', state: 'running', pid: 7, started_at: null, uptime_ms: null, starts: 1}, ...nulls()}],
  wait_ms: 0,
};

function nulls() {
  return {memory_bytes: null, retry_in_ms: null, last_death: null, health: null};
}

async function ask(
  app: GatewayApp,
  path: string,
  {key = 'key-of-operators', body}: {key?: string; body?: object} = {},
) {
  const headers = {authorization: `Bearer ${key}`, 'content-type': 'application/json'};
  const sent = body === undefined ? {} : {method: 'POST', body: JSON.stringify(body)};
  const response = await app.request(path, {headers, ...sent});
  const text = await response.text();
  return {status: response.status, retryAfter: response.headers.get('retry-after'), body: JSON.parse(text)};
}

const beat = (app: GatewayApp, more: object = {}) =>
  ask(app, '/api/v1/control/heartbeat', {key: 'key-of-agents', body: {...heartbeat, ...more}});

test('a gateway hands heartbeats, agents and commands on to the embedded controller, with its refusals', async () => {
  const {app, startController} = site();
  await startController();
  const held = beat(app, {wait_ms: 10_000});
  const order = {command: 'kill', pipe: 'p', id: 'mine'};
  const ordered = await until(async () => {
    const answer = await ask(app, '/api/v1/agents/node-a/commands', {body: order});
    return answer.status === 202 ? answer : undefined;
  });
  expect(ordered.body.data).toMatchObject({state: 'queued', ordered_by: 'ops'});
  expect((await held).body.data.commands).toMatchObject([{id: 'mine', part: 'payload-p', command: 'kill'}]);
  expect((await ask(app, '/api/v1/agents/node-a/commands/mine')).body.data).toMatchObject({state: 'sent'});
  expect((await ask(app, '/api/v1/agents')).body.data).toMatchObject([{id: 'node-a', state: 'online'}]);
  expect(await ask(app, '/api/v1/agents?x=1')).toMatchObject({status: 400, body: {error: {code: 'BAD_REQUEST'}}});
  expect(await ask(app, '/api/v1/agents', {key: 'key-of-agents'})).toMatchObject({status: 403});
  expect(await ask(app, '/api/v1/agents', {key: 'key-of-nobody'})).toMatchObject({status: 401});
  expect(Object.keys((await ask(app, '/openapi.json')).body.paths)).toContain('/api/v1/agents/{id}/commands');
});

test('a secret that the controller tells is stored by nobody on its way, all else is kept by who asked at most', async () => {
  const {app, startController} = site();
  await startController();
  const headers = {authorization: 'Bearer key-of-admins', 'content-type': 'application/json'};
  const body = JSON.stringify({name: 'scripts', role: 'reader', views: '*'});
  const created = await app.request('/api/v1/keys', {method: 'POST', headers, body});
  expect([created.status, created.headers.get('cache-control')]).toEqual([201, 'no-store']);
  const listed = await app.request('/api/v1/keys', {headers});
  expect([listed.status, listed.headers.get('cache-control')]).toEqual([200, 'private, no-cache']);
});

test('without the controller it is told to come back, and the rest of the fusion answers; afterwards all is known', async () => {
  const {app, startController} = site();
  const first = await startController();
  await beat(app);
  await first.end();
  expect(await beat(app)).toMatchObject({
    status: 503,
    retryAfter: '5',
    body: {error: {code: 'CONTROLLER_UNAVAILABLE'}},
  });
  expect(await ask(app, '/api/v1/agents')).toMatchObject({status: 503, retryAfter: '5'});
  expect(await ask(app, '/api/v1/fs/tree')).toMatchObject({status: 200});
  await startController();
  expect((await ask(app, '/api/v1/agents')).body.data).toMatchObject([{id: 'node-a', state: 'online'}]);
});

test('a controller and a gateway that leave both answer what they hold', async () => {
  const {app, leaving, startController} = site();
  const first = await startController();
  const heldByFirst = beat(app, {wait_ms: 20_000});
  await until(async () => (await ask(app, '/api/v1/agents')).body.data.length === 1);
  await first.end();
  expect(await heldByFirst).toMatchObject({status: 200, body: {data: {commands: []}}});

  await startController();
  const held = beat(app, {wait_ms: 20_000, sequence: 2, instance: 'two'});
  await until(async () => (await ask(app, '/api/v1/agents')).body.data[0].instance === 'two');
  leaving.abort();
  expect(await held).toMatchObject({status: 200, body: {data: {commands: []}}});
});

test('a controller that hangs does not hold up the fusion', async () => {
  const {app, socket} = site();
  const hanging = createServer(() => {});
  await listenUnix(hanging, socket);
  cleanups.push(
    () => hanging.closeAllConnections(),
    () => hanging.close(),
  );
  const stop = new AbortController();
  const asked = app.request('/api/v1/control/heartbeat', {
    method: 'POST',
    headers: {authorization: 'Bearer key-of-agents'},
    body: '{}',
    signal: stop.signal,
  });
  expect(await ask(app, '/api/v1/fs/tree')).toMatchObject({status: 200});
  stop.abort();
  expect((await asked).status).toBe(503);
});

test('half a connection is enough to hear what became of a change', async () => {
  const {app, socket} = site();
  const {promise: isEnded, resolve: end} = Promise.withResolvers<void>();
  const controller = createServer(async (_, response) => {
    await isEnded;
    setImmediate(() => response.end('{}'));
  });
  await listenUnix(controller, socket);
  const server = Object.assign(createServer(getRequestListener(app.fetch)), {httpAllowHalfOpen: true});
  server.on('connection', connection => connection.on('end', end));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(
    () => server.close(),
    () => controller.close(),
  );
  const client = await RawClient.open((server.address() as AddressInfo).port);
  client.socket.end('POST /api/v1/release HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n');
  expect((await client.answer()).status).toBe(200);
});

test('what strangers send to the controller takes none of the room of what agents report', async () => {
  const {app, socket, bodies} = site();
  const {promise: isAsked, resolve} = Promise.withResolvers<void>();
  const hanging = createServer(() => resolve());
  await listenUnix(hanging, socket);
  cleanups.push(
    () => hanging.closeAllConnections(),
    () => hanging.close(),
  );
  const asked = app.request('/api/v1/apply', {method: 'POST', body: 'x'.repeat(2 ** 20)});
  await isAsked;
  expect(bodies.bytes).toBe(0);
  hanging.closeAllConnections();
  expect((await asked).status).toBe(503);
});

test('a fusion that embeds none says so, and nothing of it in its description', async () => {
  const app = gateway(undefined, new AbortController().signal);
  expect(await ask(app, '/api/v1/agents')).toMatchObject({
    status: 404,
    body: {error: {code: 'ROUTE_NOT_FOUND', hint: expect.stringContaining('--embed-controller')}},
  });
  expect(Object.keys((await ask(app, '/openapi.json')).body.paths)).not.toContain('/api/v1/agents');
});
