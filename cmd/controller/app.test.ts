import {beforeEach, expect, test} from 'vitest';
import {controllerParts} from '../../test/lib/controller-parts.ts';
import {type ControllerApp, createControllerApp} from './app.ts';

const roles = ['agent', 'reader', 'operator', 'admin'] as const;

let app: ControllerApp;
let leaving: AbortController;
beforeEach(async () => {
  leaving = new AbortController();
  app = createControllerApp(await controllerParts({leaving: leaving.signal}));
});

const part = {
  name: 'payload-p',
  state: 'running',
  pid: 7,
  started_at: '2026-01-01T00:00:00.000Z',
  uptime_ms: 5,
  starts: 1,
  memory_bytes: null,
  retry_in_ms: null,
  last_death: null,
  health: {any: 'thing'},
};
const heartbeat = {
  agent_id: 'node-a',
  instance: 'one',
  sequence: 1,
  shell: {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: 'h'},
  config: {state: 'refused', last_failed: {reason: 'a mistake', at: '2026-01-01T00:00:00.000Z'}},
  parts: [part],
  wait_ms: 0,
};

async function ask(path: string, {role = 'admin', body}: {role?: string; body?: unknown} = {}) {
  const headers = {authorization: `Bearer key-of-${role}`};
  const sent = body === undefined ? {} : {method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body)};
  const response = await app.request(path, {headers, ...sent});
  return {status: response.status, body: JSON.parse(await response.text())};
}
const beat = (more: object = {}, role = 'agent') =>
  ask('/api/v1/control/heartbeat', {role, body: {...heartbeat, ...more}});
const order = (body: object, role = 'operator') => ask('/api/v1/agents/node-a/commands', {role, body});

test('a heartbeat is what the agent is, and a command comes with the answer to the next one', async () => {
  expect(await beat()).toEqual({status: 200, body: {data: {commands: [], held_ms: 0}}});
  const agent = await ask('/api/v1/agents/node-a');
  expect(agent.body.data).toMatchObject({
    ...{id: 'node-a', state: 'online', key: 'agent', config: heartbeat.config, shell: heartbeat.shell},
    parts: [{...part, pipe: 'p'}],
  });
  const ordered = await order({command: 'kill', pipe: 'p', deadline_ms: 5_000});
  expect(ordered).toMatchObject({status: 202, body: {data: {id: 'c1', state: 'queued', ordered_by: 'operator'}}});
  expect((await beat({sequence: 2})).body.data.commands).toMatchObject([
    {id: 'c1', part: 'payload-p', command: 'kill'},
  ]);
  expect((await ask('/api/v1/agents/node-a/commands/c1')).body.data).toMatchObject({state: 'sent'});
});

test('roles: agents report, operators and admins order, those and readers look', async () => {
  const statuses = async (asked: (role: string) => Promise<{status: number}>) =>
    Promise.all(roles.map(async role => (await asked(role)).status));
  expect(await statuses(role => beat({}, role))).toEqual([200, 403, 403, 200]);
  expect(await statuses(role => ask('/api/v1/agents', {role}))).toEqual([403, 200, 200, 200]);
  expect(await statuses(role => order({command: 'kill', pipe: 'p', id: role}, role))).toEqual([403, 403, 202, 202]);
  expect(await ask('/api/v1/agents', {role: 'stranger'})).toMatchObject({status: 401});
});

test.each([
  ['/api/v1/agents?verbose=1', undefined, 400, 'The parameter "verbose" is not known here.'],
  ['/api/v1/agents/node-a/commands', {command: 'kill', pipe: 'p', wait: true}, 400, '"wait"'],
  ['/api/v1/agents/node-a/commands', {command: 'stop', pipe: 'p'}, 400, 'command: '],
  ['/api/v1/agents/node-a/commands', '{', 400, 'not JSON'],
  ['/api/v1/agents/node-a/commands', {command: 'kill', pipe: 'x'}, 404, 'no pipe "x"'],
  ['/api/v1/agents/node-b', undefined, 404, 'There is no agent "node-b"'],
  ['/api/v1/agents/node-a/commands/none', undefined, 404, 'no command none'],
  ['/api/v1/control/heartbeat', {...heartbeat, agent_id: '../x'}, 400, 'agent_id'],
  ['/api/v1/control/heartbeat', ' '.repeat(9 * 2 ** 20), 400, 'larger than'],
  ['/api/v1/nothing', undefined, 404, 'There is no GET /api/v1/nothing.'],
])('%s with %j is %i and says why', async (path, body, status, message) => {
  await beat();
  const answer = await ask(path, {body});
  expect(answer.body.error.message).toContain(message);
  expect(answer.status).toBe(status);
});

test('the same id twice is one command, and another one with it is a conflict', async () => {
  await beat();
  expect((await order({command: 'kill', pipe: 'p', id: 'mine'})).status).toBe(202);
  expect((await order({command: 'kill', pipe: 'p', id: 'mine'})).status).toBe(200);
  expect(await order({command: 'restart', pipe: 'p', id: 'mine'})).toMatchObject({
    status: 409,
    body: {error: {code: 'COMMAND_CONFLICT'}},
  });
});

test('a controller that leaves answers what it holds, and is not ready', async () => {
  expect(await ask('/readyz')).toMatchObject({status: 200, body: {status: 'ready'}});
  const held = beat({wait_ms: 20_000});
  leaving.abort();
  expect(await held).toMatchObject({status: 200, body: {data: {commands: []}}});
  expect(await ask('/readyz')).toMatchObject({status: 503, body: {status: 'leaving', agents: {online: 1, silent: 0}}});
  expect(await ask('/livez')).toMatchObject({status: 200});
});

test('it describes its routes, and counts agents and requests', async () => {
  await beat();
  const {body} = await ask('/openapi.json');
  expect(Object.keys(body.paths)).toEqual(
    expect.arrayContaining([
      '/livez',
      '/readyz',
      '/metrics',
      '/api/v1/control/heartbeat',
      '/api/v1/agents',
      '/api/v1/agents/{id}',
      '/api/v1/agents/{id}/commands',
      '/api/v1/agents/{id}/commands/{command}',
      '/api/v1/fusions',
      '/api/v1/pipes/{agent}/{pipe}',
      '/api/v1/problems',
      '/api/v1/control/enroll',
      '/api/v1/audit',
      '/api/v1/git/sync',
    ]),
  );
  await ask('/api/v1/agents/node-a/commands/none');
  const metrics = await (await app.request('/metrics')).text();
  expect(metrics).toContain('fustor_controller_agents{state="online"} 1');
  expect(metrics).toContain(
    'fustor_controller_http_requests_total{route="/api/v1/agents/{id}/commands/{command}",method="GET",status="404"} 1',
  );
});
