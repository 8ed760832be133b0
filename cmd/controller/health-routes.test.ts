import {mkdirSync, readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {beforeEach, expect, test} from 'vitest';
import type {ControlStore} from '../../core/control/control-store.ts';
import {openControlStore} from '../../store/control-store.ts';
import {controllerParts} from '../../test/lib/controller-parts.ts';
import {type FleetFacts, healthyFleet} from '../../test/lib/healthy-fleet.ts';
import {openMemoryControl} from '../../test/lib/memory-control.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {hashKeys, KeyRing} from '../http/keys.ts';
import {systemClock} from '../system-clock.ts';
import {type ControllerApp, createControllerApp} from './app.ts';
import {type Backup, backupOf, removeUnfinishedBackups} from './backup.ts';
import {addHealthMetrics} from './health-metrics.ts';
import type {ControllerMetrics} from './metrics.ts';

const keys = hashKeys([
  {name: 'admin', role: 'admin', key: 'key-of-admin', views: '*'},
  {name: 'operator', role: 'operator', key: 'key-of-operator', views: '*'},
  {name: 'reader', role: 'reader', key: 'key-of-reader', views: ['view-0']},
  {name: 'agent', role: 'agent', key: 'key-of-agent', views: []},
]);

let store: ControlStore;
let facts: FleetFacts;
let app: ControllerApp;
let metrics: ControllerMetrics;
beforeEach(async () => {
  await start(openMemoryControl());
});

async function start(opened: ControlStore, backup?: Backup): Promise<void> {
  store = opened;
  facts = healthyFleet(systemClock.now());
  for (const {stored} of facts.nodes) await store.write(txn => txn.putAgent(stored));
  const parts = await controllerParts({store, facts: () => facts});
  metrics = parts.metrics;
  addHealthMetrics(metrics.registry, parts.health);
  app = createControllerApp({...parts, keys: new KeyRing(keys), backup});
}

async function ask(path: string, {role = 'operator', body}: {role?: string; body?: object} = {}) {
  const headers = {authorization: `Bearer key-of-${role}`};
  const sent = body === undefined ? {} : {method: 'POST', body: JSON.stringify(body)};
  const response = await app.request(`/api/v1/${path}`, {headers, ...sent});
  return {status: response.status, body: JSON.parse(await response.text())};
}

function breakView(): void {
  Object.assign(facts.nodes.at(-1)!.stored.views![1]!, {sync: 'unreadable', problem: 'damaged'});
  Object.assign(facts.nodes[0]!.stored.parts[0]!, {state: 'quarantined', last_death: null});
}

test('agents and fusions apart, each with how far it is with what is wanted, also those that were never seen', async () => {
  facts.desired.agents.push({id: 'new', pipes: [], signature: 's'});
  const agents = (await ask('agents')).body.data;
  expect(agents).toMatchObject([
    {
      id: 'node-0',
      kind: 'agent',
      state: 'online',
      wanted: true,
      apply: {state: 'applied', desired: 'manifest-of-node-0'},
    },
    {id: 'node-1', shell: {host: 'host-of-node-1'}},
    {id: 'new', state: 'never_seen', apply: {state: 'pending', desired: 's', running: null}},
  ]);
  expect((await ask('fusions')).body.data).toMatchObject([{id: 'fusion-0', kind: 'fusion', apply: {state: 'applied'}}]);
  const {data} = (await ask('fusions/fusion-0')).body;
  expect(data).toMatchObject({id: 'fusion-0', wanted: true, views: [{view: 'view-0'}, {view: 'view-1'}]});
  expect(await ask('fusions/node-0')).toMatchObject({status: 404, body: {error: {code: 'NOT_FOUND'}}});
  expect(await ask('agents/fusion-0')).toMatchObject({status: 404, body: {error: {code: 'AGENT_NOT_FOUND'}}});
});

test('pipes, views and sessions: what is wanted, how it is, and since when', async () => {
  const {data: pipes} = (await ask('pipes')).body;
  expect(pipes).toHaveLength(4);
  expect((await ask('pipes/node-0/to-view-0')).body.data).toEqual(pipes[0]);
  expect(pipes[0]).toMatchObject({
    ...{agent: 'node-0', pipe: 'to-view-0', view: 'view-0', wanted: true, state: 'running', apply: 'applied'},
    ...{desired: 'hash', running: 'hash', role: 'leader', lag_ms: 12, queued: 0, memory_bytes: 1_000_000},
    since: expect.stringMatching(/^20.*Z$/),
  });
  expect((await ask('control/views')).body.data[0]).toMatchObject({
    ...{view: 'view-0', fusion: 'fusion-0', wanted: true, state: 'live', complete: true, leader: 'node-0'},
    ...{agents: ['node-0', 'node-1'], coverage: {watched: 100, known: 100}, rejected: 0},
  });
  const {data: sessions} = (await ask('control/sessions')).body;
  expect(sessions).toHaveLength(4);
  expect(sessions[1]).toMatchObject({view: 'view-0', agent: 'node-1', role: 'follower', state: 'open', wanted: true});
  expect(await ask('pipes/node-0/none')).toMatchObject({status: 404, body: {error: {code: 'PIPE_NOT_FOUND'}}});
});

test('a pipe without a session, and one that its agent does not run, are missing', async () => {
  facts.desired.agents[0] = {id: 'node-0', pipes: [{name: 'new', view: 'view-0'}]};
  expect((await ask('pipes/node-0/new')).body.data).toMatchObject({state: 'missing', wanted: true, apply: null});
  expect((await ask('pipes/node-0/to-view-0')).body.data).toMatchObject({state: 'running', wanted: false});
  const {data} = (await ask('control/sessions')).body;
  expect(data).toContainEqual(expect.objectContaining({agent: 'node-0', pipe: 'new', state: 'missing', wanted: true}));
});

test('problems: only what needs action, the worst first', async () => {
  expect((await ask('problems')).body).toEqual({data: []});
  breakView();
  facts.pin = {revision: 3, by: 'ops', at: 1_700_000_000_000};
  expect((await ask('problems')).body.data).toMatchObject([
    {subject: 'pipe/node-0/to-view-0', kind: 'quarantined', severity: 'error', since: expect.stringContaining('Z')},
    {subject: 'view/view-1', kind: 'unreadable', next: 'fustorctl status --view view-1'},
    {subject: 'revision/3', severity: 'notice', since: '2023-11-14T22:13:20.000Z', next: 'fustorctl release'},
  ]);
});

test('a reader hears of its views alone; agents hear nothing, and only admins take a backup', async () => {
  breakView();
  const views = async (path: string) =>
    (await ask(path, {role: 'reader'})).body.data.map((row: {view: string}) => row.view);
  expect(await views('pipes')).toEqual(['view-0', 'view-0']);
  expect(await views('control/views')).toEqual(['view-0']);
  expect(new Set(await views('control/sessions'))).toEqual(new Set(['view-0']));
  const {data} = (await ask('problems', {role: 'reader'})).body;
  expect(data.map((problem: {kind: string}) => problem.kind)).toEqual(['quarantined']);
  expect(await ask('pipes/node-0/to-view-1', {role: 'reader'})).toMatchObject({status: 404});
  for (const path of ['fusions', 'pipes', 'pipes/a/b', 'control/views', 'control/sessions', 'problems', 'backup']) {
    expect([path, (await ask(path, {role: 'agent'})).status]).toEqual([path, 403]);
  }
  expect((await ask('backup', {role: 'operator'})).status).toBe(403);
  expect((await ask('control/heartbeat', {role: 'operator', body: {}})).status).toBe(403);
});

test('a reader hears of the nodes of its views alone, and nothing of what else they do', async () => {
  breakView();
  facts.desired.agents.push({id: 'other', pipes: [{name: 'p', view: 'view-1'}], signature: 's'});
  facts.desired.fusions.push({id: 'other-fusion', views: [], signature: 's'});
  const ids = async (path: string, role: string) =>
    (await ask(path, {role})).body.data.map((row: {id: string}) => row.id);
  expect(await ids('agents', 'operator')).toEqual(['node-0', 'node-1', 'other']);
  expect(await ids('agents', 'reader')).toEqual(['node-0', 'node-1']);
  expect(await ids('fusions', 'reader')).toEqual(['fusion-0']);
  const {body} = await ask('agents/node-0', {role: 'reader'});
  expect(Object.keys(body.data).sort()).toEqual(['apply', 'id', 'kind', 'parts', 'since', 'state', 'wanted']);
  const payload = {name: 'payload-to-view-0', pipe: 'to-view-0', state: 'quarantined', pid: expect.anything()};
  expect(body.data.parts).toEqual([payload]);
  expect(await ask('agents/other', {role: 'reader'})).toMatchObject({status: 404});
  await ask('agents/node-0/commands', {body: {command: 'logs', id: 'c9'}});
  expect(await ask('agents/node-0/commands/c9')).toMatchObject({status: 200});
  expect(await ask('agents/node-0/commands/c9', {role: 'reader'})).toMatchObject({status: 403});
});

test.each([
  ['agents/node-0', {command: 'scan', pipe: 'to-view-0'}, {part: 'payload-to-view-0', arguments: {path: '/'}}],
  ['agents/node-0', {command: 'scan', pipe: 'to-view-0', arguments: {path: '/a'}}, {arguments: {path: '/a'}}],
  ['agents/node-0', {command: 'logs', arguments: {lines: 7}}, {part: null, pipe: null, arguments: {lines: 7}}],
  ['agents/node-0', {command: 'logs', pipe: 'to-view-0'}, {part: 'payload-to-view-0', arguments: {lines: 100}}],
  ['agents/node-0', {command: 'reload'}, {part: null}],
  ['fusions/fusion-0', {command: 'kill', part: 'engine-view-0'}, {part: 'engine-view-0', agent: 'fusion-0'}],
  ['fusions/fusion-0', {command: 'reload'}, {part: null}],
])('%s is ordered %j', async (node, order, command) => {
  const ordered = await ask(`${node}/commands`, {body: order});
  expect(ordered).toMatchObject({status: 202, body: {data: {id: 'c1', state: 'queued', ...command}}});
  expect((await ask(`${node}/commands/c1`)).body.data).toEqual({
    ...ordered.body.data,
    deadline_ms: expect.any(Number),
  });
});

test.each([
  ['agents/node-0', {command: 'restart'}, 400, '"restart" needs a "pipe"'],
  ['agents/node-0', {command: 'restart', part: 'payload-to-view-0'}, 400, 'has no "part"'],
  ['agents/node-0', {command: 'reload', pipe: 'to-view-0'}, 400, '"reload" is for the agent'],
  ['agents/node-0', {command: 'restart', pipe: 'to-view-0', arguments: {path: '/'}}, 400, '"restart" has no "path"'],
  ['agents/node-0', {command: 'scan', pipe: 'to-view-0', arguments: {lines: 3}}, 400, '"scan" has no "lines"'],
  ['fusions/fusion-0', {command: 'scan', part: 'engine-view-0'}, 400, 'A fusion does not scan'],
  ['fusions/fusion-0', {command: 'kill', pipe: 'x'}, 400, 'has no "pipe"'],
  ['fusions/fusion-0', {command: 'kill', part: 'x'}, 404, 'has no part "x"'],
  ['fusions/node-0', {command: 'reload'}, 404, 'There is no fusion "node-0"'],
])('%s is not ordered %j', async (node, order, status, message) => {
  const {body, ...answer} = await ask(`${node}/commands`, {body: order});
  expect(body.error.message).toContain(message);
  expect(answer.status).toBe(status);
});

test('metrics have the same as figures', async () => {
  breakView();
  facts.git = {failing: undefined, goodAt: systemClock.now() - 10_000};
  const text = await metrics.registry.metrics();
  expect(text).toContain('fustor_controller_nodes{kind="agent",state="online"} 2');
  expect(text).toContain('fustor_controller_nodes{kind="fusion",state="silent"} 0');
  expect(text).toContain('fustor_controller_problems{severity="error"} 2');
  expect(text).toContain('fustor_controller_revision 1');
  expect(text).toMatch(/fustor_controller_git_age_seconds\{source="git"\} 1\d/);
});

test('a backup put in the place of the store is the same store; it leaves nothing in the data directory', async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, 'data');
  mkdirSync(data);
  writeFileSync(join(data, 'backup-00.mdb'), 'of one that was killed');
  const opened = await openControlStore(data);
  removeUnfinishedBackups(data);
  const before = readdirSync(data);
  let ids = 0;
  await start(
    opened,
    backupOf(opened, data, () => String(ids++)),
  );
  await store.write(txn => txn.putRecord('audit', 'x', {by: 'ops'}));
  const headers = {authorization: 'Bearer key-of-admin'};
  const both = await Promise.all([0, 1].map(() => app.request('/api/v1/backup', {headers})));
  const [copy, again] = await Promise.all(both.map(answer => answer.arrayBuffer()));
  expect(both[0]!.headers.get('content-length')).toBe(String(copy!.byteLength));
  expect(again!.byteLength).toBe(copy!.byteLength);
  expect(readdirSync(data)).toEqual(before);
  await store.write(txn => txn.putRecord('audit', 'y', {}));

  const restored = join(folder.path, 'restored');
  mkdirSync(restored);
  writeFileSync(join(restored, 'control.mdb'), Buffer.from(copy!));
  const other = await openControlStore(restored);
  expect(other.read(txn => txn.agents())).toEqual(
    facts.nodes.map(({stored}) => stored).sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
  expect(other.read(txn => txn.records('audit'))).toEqual([{key: 'x', value: {by: 'ops'}}]);
  expect(await other.write(txn => txn.nextNumber())).toBe(0);
  await other.close();
  await store.close();
});
