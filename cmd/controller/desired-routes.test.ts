import {generateKeyPairSync} from 'node:crypto';
import {beforeEach, describe, expect, test} from 'vitest';
import {Controller} from '../../core/control/controller.ts';
import {Health} from '../../core/control/health/health.ts';
import {decodeManifest} from '../../core/manifest/manifest.ts';
import {trustedKey} from '../../core/manifest/signature.ts';
import {openTestDesired} from '../../test/lib/desired-parts.ts';
import {quietLog as log} from '../../test/lib/identity-parts.ts';
import {openMemoryControl} from '../../test/lib/memory-control.ts';
import {goodCredentials, goodSite} from '../../test/lib/site-files.ts';
import {until} from '../../test/lib/until.ts';
import {hashKeys, KeyRing} from '../http/keys.ts';
import {systemClock} from '../system-clock.ts';
import {type ControllerApp, createControllerApp} from './app.ts';
import {type DesiredParts, followIdentities} from './desired-parts.ts';
import type {IdentityParts} from './identity/identity-parts.ts';
import {ControllerMetrics} from './metrics.ts';

const roles = ['agent', 'reader', 'operator', 'admin'] as const;
const keys = hashKeys([
  ...roles.map(role => ({name: role, role, key: `key-of-${role}`, views: role === 'reader' ? ('*' as const) : []})),
  {name: 'guest', role: 'reader', key: 'key-of-guest', views: ['archive']},
]);

let app: ControllerApp;
let desired: DesiredParts;
let identity: IdentityParts;
let leaving: AbortController;
beforeEach(async () => {
  const store = openMemoryControl();
  ({desired, identity} = await openTestDesired(store));
  const desiredSignature = (kind: 'agent' | 'fusion', id: string) => desired.manifests.get({kind, id})?.signature;
  const controller = new Controller({store, clock: systemClock, log, randomId: () => 'c1', desiredSignature});
  leaving = new AbortController();
  const health = new Health({store, clock: systemClock, facts: () => ({version: '1', nodes: []})});
  const metrics = new ControllerMetrics(controller);
  const parts = {controller, health, desired, identity, clock: systemClock, log, metrics, leaving: leaving.signal};
  app = createControllerApp({...parts, keys: new KeyRing(keys, [identity.identities])});
  for (const [name, value] of Object.entries(goodCredentials))
    await identity.credentials.put({name, value, by: 'test'});
});

type Asked = {key?: string; body?: unknown; method?: string};
async function ask(
  path: string,
  {key = 'key-of-admin', body, method = body === undefined ? 'GET' : 'POST'}: Asked = {},
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await app.request(`/api/v1/${path}`, {
    ...{method, headers: {authorization: `Bearer ${key}`}},
    ...(text !== undefined && {body: text}),
  });
  const told = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return {status: response.status, headers: response.headers, text: told, body: isJson ? JSON.parse(told) : undefined};
}
const apply = (more: object = {}) => ask('apply', {body: {files: goodSite, message: 'the site', ...more}});
const pull = (query: string, key = 'key-of-agent') => ask(`control/configs/pull?${query}`, {key});
const node = goodSite['agents/node-c.yaml']!;
const seed = (text: string, id = 'node-c') => ask(`control/configs/${id}`, {body: text});

describe('apply', () => {
  test('makes a revision, which can be read, listed and compared', async () => {
    expect(await apply()).toMatchObject({status: 200, body: {data: {revision: 1, is_new: true, problems: []}}});
    const changed = {'agents/node-c.yaml': node.replace('/data', '/new')};
    const second = await apply({files: changed, message: 'another root'});
    expect(second.body.data).toMatchObject({
      ...{revision: 2, changed: [{kind: 'agent', id: 'node-c'}]},
      diff: expect.stringContaining('+sources: { mine: { path: /new } }'),
    });
    const {body} = await ask('revisions?limit=1');
    expect(body).toEqual({
      data: [
        {
          ...{
            revision: 2,
            at: expect.any(String),
            author: 'admin',
            message: 'another root',
            origin: 'api',
            commit: null,
          },
          ...{in_force: true, pinned: false},
        },
      ],
      meta: {next_cursor: 2},
    });
    expect((await ask('revisions?cursor=2')).body.data).toMatchObject([{revision: 1, in_force: false}]);
    expect((await ask('revisions/current?files=true')).body.data.files).toEqual({...goodSite, ...changed});
    expect((await ask('revisions/2/diff')).body.data).toEqual({from: 1, to: 2, diff: second.body.data.diff});
    expect((await ask('revisions/1/diff?from=current')).body.data.diff).toContain('-sources: { mine: { path: /new } }');
    expect((await ask('revisions/9')).status).toBe(404);
  });

  test('that is tried out says what it would do, and does nothing', async () => {
    const tried = await apply({dry_run: true});
    expect(tried.body.data).toMatchObject({is_new: true, diff: expect.stringContaining('+++ b/site/views.yaml')});
    expect(tried.body.data.changed).toHaveLength(5);
    expect((await ask('desired')).body.data).toMatchObject({revision: null, newest: 0});
    expect(await apply({dry_run: true, files: {'x.yaml': 'a: ['}})).toMatchObject({status: 400});
  });

  test('keeps files that it does not name, unless it prunes', async () => {
    await apply();
    await apply({files: {'site/more.yaml': 'users: { bob: { role: reader } }'}});
    expect((await ask('registry/users')).body.data).toMatchObject([
      {name: 'ada'},
      {name: 'bob', file: 'site/more.yaml'},
    ]);
    await apply({prune: true});
    expect((await ask('registry/users')).body.data).toMatchObject([{name: 'ada'}]);
  });

  test('with mistakes, from another revision, or with a role that may not, is refused', async () => {
    await apply();
    expect(await apply({files: {'x.yaml': 'views: { a: { fusion: x } }'}})).toMatchObject({
      ...{
        status: 400,
        body: {error: {code: 'CONFIG_INVALID', details: {mistakes: [{file: 'x.yaml', line: 1, column: 23}]}}},
      },
    });
    expect(await apply({expected_revision: 0})).toMatchObject({
      status: 409,
      body: {error: {code: 'REVISION_CONFLICT'}},
    });
    for (const role of ['agent', 'reader'])
      expect((await ask('apply', {key: `key-of-${role}`, body: {files: goodSite}})).status).toBe(403);
    expect((await apply({exactly: true})).body.error.message).toContain('"exactly"');
  });
});

test('rollback pins, and release ends it', async () => {
  await apply();
  await apply({files: {'agents/node-c.yaml': node.replace('/data', '/new')}});
  const rolled = await ask('rollback', {body: {revision: 1, message: 'broken'}});
  expect(rolled.body.data).toMatchObject({revision: 3, is_new: true, changed: [{kind: 'agent', id: 'node-c'}]});
  expect((await ask('desired')).body.data).toMatchObject({
    ...{pin: {revision: 3, by: 'admin'}, authority: 'api', git: null, problems: [], nodes: []},
    revision: {revision: 3, origin: 'rollback', in_force: true, pinned: true},
  });
  expect(await apply()).toMatchObject({status: 409, body: {error: {code: 'NOT_THE_AUTHORITY'}}});
  expect((await ask('release', {body: {}})).body.data).toMatchObject({revision: 3, is_new: false});
  expect((await ask('desired')).body.data.pin).toBeNull();
});

test('an operator says what nodes do, and not who may do what: by no file, and by no rollback', async () => {
  await apply();
  const key = 'key-of-operator';
  const offer = (files: Record<string, string>, more: object = {}) => ask('apply', {key, body: {files, ...more}});
  const mine = `keys: { mine: { role: admin, views: "*", sha256: ${'cd'.repeat(32)} } }`;
  const refused = (named: string) => ({
    ...{status: 403, body: {error: {code: 'FORBIDDEN', message: expect.stringContaining(`(${named})`)}}},
  });
  expect(await offer({'more.yaml': mine})).toMatchObject(refused('keys.mine'));
  expect(await offer({'more.yaml': mine}, {dry_run: true})).toMatchObject(refused('keys.mine'));
  const keysFile = goodSite['site/keys.yaml']!;
  const raised = keysFile.replace('ada: { role: operator }', 'ada: { role: admin }');
  expect(await offer({'site/keys.yaml': raised})).toMatchObject(refused('users.ada'));
  expect(await offer({'site/keys.yaml': '{}'})).toMatchObject(refused('keys.scripts, keys.all, users.ada'));
  // What only looks different, or stands elsewhere, says the same.
  expect(await offer({'site/keys.yaml': '{}', 'site/people.yaml': `# all\n${keysFile}`})).toMatchObject({status: 200});

  await ask('apply', {body: {files: {'more.yaml': mine}}});
  const back = (revision: number) => ask('rollback', {key, body: {revision}});
  expect(await back(1)).toMatchObject(refused('keys.mine'));
  expect((await ask('desired')).body.data).toMatchObject({revision: {revision: 3}, pin: null});
  await ask('apply', {body: {files: {'agents/node-c.yaml': node.replace('/data', '/new')}}});
  expect(await back(3)).toMatchObject({status: 200, body: {data: {revision: 5}}});
});

describe('the configuration of an agent', () => {
  test('is stored as YAML, and read back as it was stored', async () => {
    await apply();
    const text = `# by hand\n${node}`;
    expect((await seed(text)).body.data).toMatchObject({agent_id: 'node-c', revision: 2, is_new: true, changed: []});
    const back = await ask('control/configs/node-c');
    expect([back.text, back.headers.get('content-type')]).toEqual([text, 'application/yaml; charset=utf-8']);
    expect((await ask('control/configs/node-x')).status).toBe(404);
  });

  test('of an agent of the site is written out, without secrets', async () => {
    await apply();
    const {text} = await ask('control/configs/node-b');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how it is written
    for (const part of ['id: node-b', 'url: http://west:8102', 'key: ${secret:west-key}']) expect(text).toContain(part);
  });

  test('with mistakes is refused with all of them, and so is one of another agent', async () => {
    await apply();
    const wrong = await seed(node.replace('mine: {', 'mine: { x: 1,').replace('sender: east', 'sender: eats'));
    expect(wrong.body.error.details.mistakes).toMatchObject([
      {line: 2, column: 20, path: 'sources.mine.x'},
      {line: 3, column: 39, path: 'pipes.own.sender', message: 'no such sender'},
    ]);
    expect((await seed(node, 'node-d')).body.error.message).toContain('found "node-c"; wanted node-d');
    expect((await seed('sources: {}', 'node-d')).body.error.message).toContain('agent: missing');
    expect((await seed(node, 'a b')).status).toBe(400);
    expect((await ask('control/configs/node-c', {key: 'key-of-agent'})).status).toBe(403);
    expect((await ask('control/configs/node-c', {key: 'key-of-reader'})).status).toBe(403);
  });
});

describe('a pull', () => {
  test('has the manifest with its signature, and says when it is the same', async () => {
    expect(await pull('agent_id=node-c')).toMatchObject({status: 404, body: {error: {code: 'NOT_FOUND'}}});
    await apply();
    const {status, headers, text} = await pull('agent_id=node-c');
    const signature = headers.get('x-config-signature')!;
    expect([status, headers.get('content-type'), headers.get('x-config-revision')]).toEqual([
      200,
      'application/json',
      '1',
    ]);
    const who = {kind: 'agent' as const, id: 'node-c', trusted: [trustedKey(desired.publicKey)]};
    expect(decodeManifest({bytes: Buffer.from(text), signature}, who).config.sources).toEqual({mine: {path: '/data'}});
    const same = await pull(`agent_id=node-c&current_signature=${signature}`);
    expect([same.status, same.text, same.headers.get('x-config-signature')]).toEqual([304, '', signature]);
    expect((await pull('agent_id=node-c&current_signature=another')).status).toBe(200);
  });

  test('is held until there is another one, and when the controller leaves', async () => {
    await apply();
    const {signature} = desired.manifests.get({kind: 'agent', id: 'node-c'})!;
    const held = pull(`agent_id=node-c&current_signature=${signature}&wait=60`);
    await seed(node.replace('/data', '/new'));
    expect(await held).toMatchObject({status: 200, body: {config: {sources: {mine: {path: '/new'}}}}});
    const last = pull(`agent_id=node-c&current_signature=${(await held).headers.get('x-config-signature')}&wait=60`);
    leaving.abort();
    expect((await last).status).toBe(304);
  });

  test('a thousand that are held are answered by one change, and only those whom it concerns', async () => {
    const agents = Array.from({length: 1_000}, (_, at) => `node-${at}`);
    const site = (root: string) =>
      `sources: { s: { path: ${root} } }\nsenders: { s: { url: "http://x", key: 12345678a } }\n` +
      `pipes: { p: { source: s, sender: s, view: v }, q: { source: s, sender: s, view: w } }\n` +
      `agents:\n${agents.map(id => `  ${id}: { pipes: [p] }\n`).join('')}  other: { pipes: [] }\n`;
    await apply({files: {'site.yaml': site('/old')}});
    const signatureOf = (id: string) => desired.manifests.get({kind: 'agent', id})!.signature;
    const pulls = [...agents, 'other'].map(id => pull(`agent_id=${id}&current_signature=${signatureOf(id)}&wait=60`));
    await until(() => true, {everyMs: 0});
    const other = pulls.pop()!;
    await apply({files: {'site.yaml': site('/new')}});
    const statuses = (await Promise.all(pulls)).map(({status}) => status);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await Promise.race([other, 'held'])).toBe('held');
    leaving.abort();
    expect((await other).status).toBe(304);
  });

  test.each([
    ['', 400, 'agent_id'],
    ['agent_id=a&wait=61', 400, 'a whole number from 0 to 60'],
    ['agent_id=a&kind=reader', 400, 'kind'],
    ['agent_id=a&signature=x', 400, '"signature" is not known'],
  ])('with %j is %i', async (query, status, message) => {
    const answer = await pull(query);
    expect([answer.status, answer.body.error.message]).toEqual([status, expect.stringContaining(message)]);
  });

  test('is for the node whose token it is, for administrators, and for nobody else', async () => {
    await apply();
    const tokens = await identityTokens();
    expect((await pull('agent_id=node-c', tokens.agent)).status).toBe(200);
    expect((await pull('agent_id=node-a', tokens.agent)).status).toBe(403);
    expect((await pull('agent_id=east', tokens.fusion)).body).toMatchObject({kind: 'fusion', id: 'east'});
    expect((await pull('agent_id=node-c&kind=agent', tokens.fusion)).status).toBe(403);
    expect((await pull('agent_id=east&kind=fusion', 'key-of-admin')).status).toBe(200);
    expect((await pull('agent_id=node-c', 'key-of-operator')).status).toBe(403);
    expect((await pull('agent_id=node-c', 'key-of-reader')).status).toBe(403);
    expect((await pull('agent_id=node-c', 'key-of-nobody')).status).toBe(401);
  });

  test('a node that is revoked is answered at once, and its token leaves the fusions', async () => {
    await apply();
    const stop = new AbortController();
    const following = followIdentities(identity, desired, {signal: stop.signal, log, clock: systemClock});
    const {agent} = await identityTokens();
    const keysOf = () =>
      (desired.manifests.get({kind: 'fusion', id: 'east'})!.shown.keys as {name: string}[]).map(({name}) => name);
    await until(() => keysOf().some(name => name.startsWith('agent.node-c.')), {everyMs: 5});
    const {signature} = desired.manifests.get({kind: 'agent', id: 'node-c'})!;
    const held = pull(`agent_id=node-c&current_signature=${signature}&wait=60`, agent);
    await identity.identities.revoke({kind: 'agent', id: 'node-c'}, 'test');
    expect((await held).status).toBe(401);
    await until(() => keysOf().length === 2, {everyMs: 5});
    expect((await pull('agent_id=node-c', 'key-of-admin')).status).toBe(404);
    stop.abort();
    await following;
  });
});

test('the registry tells what is defined, by kind and name, without secrets', async () => {
  await apply();
  expect((await ask('registry/views', {key: 'key-of-reader'})).body.data).toEqual([
    {name: 'archive', file: 'site/views.yaml', fusion: 'west'},
    {name: 'research', file: 'site/views.yaml', datastore: 'lab', fusion: 'east', session_timeout: '5s'},
  ]);
  expect((await ask('registry/pipes/own')).body.data).toMatchObject({agent: 'node-c', view: 'research'});
  expect((await ask('registry/agents/node-c')).body.data).toEqual({
    ...{name: 'node-c', file: 'agents/node-c.yaml', pipes: ['own']},
  });
  expect((await ask('registry/keys')).body.data).toEqual([
    {name: 'all', file: 'site/keys.yaml', role: 'operator', views: '*'},
    {name: 'scripts', file: 'site/keys.yaml', role: 'reader', views: ['research'], user: 'ada'},
  ]);
  expect((await ask('registry/agent')).body.error.hint).toContain('Did you mean "agents"?');
  expect((await ask('registry/agents/x')).status).toBe(404);
  const {data} = (await ask('manifests/agent/node-b')).body;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how it is written
  expect(data).toMatchObject({revision: 1, problem: null, config: {senders: {west: {key: '${secret:west-key}'}}}});
  expect((await ask('manifests/fusion/none')).status).toBe(404);
});

test('a reader with some views finds these in the registry, the pipes that feed them, and no manifest', async () => {
  await apply();
  const names = async (kind: string) =>
    (await ask(`registry/${kind}`, {key: 'key-of-guest'})).body.data.map((row: {name: string}) => row.name);
  expect(await names('views')).toEqual(['archive']);
  expect(await names('pipes')).toEqual(['archive']);
  expect((await ask('registry/pipes/own', {key: 'key-of-guest'})).status).toBe(404);
  for (const path of ['registry/sources', 'registry/keys', 'registry/agents/node-c', 'manifests/agent/node-b']) {
    const {status, text} = await ask(path, {key: 'key-of-guest'});
    expect([path, status, text]).toEqual([path, 403, expect.stringContaining('guest')]);
  }
});

test('a reader with some views reads nothing of the desired state as a whole: its messages and nodes are of others too', async () => {
  await apply({message: 'Move node-b to the new racks'});
  for (const path of ['desired', 'revisions', 'revisions?limit=1']) {
    expect([path, (await ask(path, {key: 'key-of-reader'})).status]).toEqual([path, 200]);
    const {status, body, text} = await ask(path, {key: 'key-of-guest'});
    expect([path, status, body.error.message]).toEqual([
      path,
      403,
      expect.stringContaining('unless its views are "*"'),
    ]);
    expect(text).not.toMatch(/node-b|racks/);
  }
  for (const path of ['revisions/current', 'revisions/1?files=true', 'revisions/1/diff'])
    for (const key of ['key-of-reader', 'key-of-guest'])
      expect([path, (await ask(path, {key})).status]).toEqual([path, 403]);
});

test('a heartbeat is answered with the signature of what the node should have', async () => {
  await apply();
  const heartbeat = {
    ...{agent_id: 'node-c', instance: 'one', sequence: 1, parts: [], wait_ms: 0, config: {state: 'running'}},
    shell: {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: 'h'},
  };
  const {signature} = desired.manifests.get({kind: 'agent', id: 'node-c'})!;
  const answer = await ask('control/heartbeat', {key: 'key-of-agent', body: heartbeat});
  expect(answer.body.data).toMatchObject({desired: signature});
});

async function identityTokens(): Promise<Record<'agent' | 'fusion', string>> {
  return {agent: await enrol('agent', 'node-c'), fusion: await enrol('fusion', 'east')};
}

/** Resolves to its token. */
async function enrol(kind: 'agent' | 'fusion', id: string): Promise<string> {
  const {token} = await identity.enrolTokens.create({role: kind, ttlMs: 60_000, uses: 1, by: 'test'});
  const public_key = generateKeyPairSync('ed25519').publicKey.export({type: 'spki', format: 'pem'}).toString();
  return (await identity.identities.enrol({kind, id, host: 'h', public_key}, token)).token;
}
