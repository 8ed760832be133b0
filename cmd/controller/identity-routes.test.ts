import {generateKeyPairSync} from 'node:crypto';
import {once} from 'node:events';
import {connect} from 'node:net';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {type Asked, askJson} from '../../test/lib/ask-json.ts';
import {adminKey, type RealController, startRealController} from '../../test/lib/real-controller.ts';
import {until} from '../../test/lib/until.ts';

let controller: RealController;
beforeEach(async () => {
  controller = await startRealController({signingKeys: ['a public key']});
});
afterEach(() => controller.close());

const ask = (path: string, asked: Asked = {}) => askJson(`${controller.url}/api/v1/${path}`, {key: adminKey, ...asked});
const newKey = async (role: string) => (await ask('keys', {body: {name: role, role}})).body.data.key as string;
const audit = async () => (await ask('audit')).body.data as Record<string, unknown>[];

test('a key that was made opens what its role may, until it is revoked', async () => {
  const key = await newKey('operator');
  expect(key).toMatch(/^fustor_key_/);
  expect((await ask('agents', {key})).status).toBe(200);
  expect((await ask('keys')).body.data).toMatchObject([
    {name: 'admin', origin: 'file'},
    {name: 'operator', origin: 'api', role: 'operator', created_by: 'admin'},
  ]);
  expect(await ask('keys/operator', {method: 'DELETE'})).toMatchObject({status: 200});
  expect((await ask('agents', {key})).status).toBe(401);
});

test('who may do what is for administrators to say, and for operators to see', async () => {
  const [operator, reader, agent] = [await newKey('operator'), await newKey('reader'), await newKey('agent')];
  const statuses = (path: string, asked: Asked) =>
    Promise.all([operator, reader, agent].map(async key => (await ask(path, {...asked, key})).status));
  for (const path of ['keys', 'credentials', 'enroll-tokens', 'identities', 'audit'])
    expect(await statuses(path, {})).toEqual([200, 403, 403]);
  expect(await statuses('keys', {body: {name: 'x', role: 'admin'}})).toEqual([403, 403, 403]);
  expect(await statuses('credentials', {body: {name: 'x', value: 'y'}})).toEqual([403, 403, 403]);
  expect(await statuses('enroll-tokens', {body: {}})).toEqual([403, 403, 403]);
  expect(await statuses('identities/agent/x', {method: 'DELETE'})).toEqual([403, 403, 403]);
});

test('nobody can take the place of a key of the configuration', async () => {
  expect(await ask('keys', {body: {name: 'admin', role: 'reader'}})).toMatchObject({
    status: 409,
    body: {error: {code: 'ALREADY_EXISTS'}},
  });
});

test.each([
  ['keys', {name: 'x', role: 'fusion'}, 'role'],
  ['keys', {name: '../x', role: 'reader'}, 'name'],
  ['keys', {name: 'x', role: 'reader', expires_in: '5'}, 'expires_in'],
  ['enroll-tokens', {uses: 0}, 'uses'],
  ['enroll-tokens', {ttl: 3_600}, 'ttl'],
  ['enroll-tokens', {replace: true}, '"node" is missing'],
  ['enroll-tokens', {role: 'admin'}, 'role'],
  ['credentials', {name: 'x'}, 'value'],
  ['control/enroll', {kind: 'agent', id: '..', public_key: 'x', host: 'h'}, 'id'],
])('POST %s with %j is a bad request that names the mistake', async (path, body, named) => {
  const answer = await ask(path, {body});
  expect(answer).toMatchObject({status: 400, body: {error: {message: expect.stringContaining(named)}}});
});

test('whom to trust is told to anybody', async () => {
  expect(await askJson(`${controller.url}/api/v1/control/trust`)).toEqual({
    status: 200,
    body: {data: {signing_keys: ['a public key']}},
  });
});

test('a node enrols over HTTP, gets no certificate, and is told so when it wants one', async () => {
  const {token} = (await ask('enroll-tokens', {body: {role: 'fusion', node: 'f1'}})).body.data;
  const {publicKey} = generateKeyPairSync('ed25519', {
    publicKeyEncoding: {type: 'spki', format: 'pem'},
    privateKeyEncoding: {type: 'pkcs8', format: 'pem'},
  });
  const enrolled = await ask('control/enroll', {
    key: token,
    body: {kind: 'fusion', id: 'f1', public_key: publicKey, host: 'h1', csr: 'ignored'},
  });
  expect(enrolled.body.data).toEqual({token: expect.stringMatching(/^fustor_node_/), signing_keys: ['a public key']});
  const key = enrolled.body.data.token;
  expect(await ask('control/renew', {key, body: {csr: 'x'}})).toMatchObject({status: 404});
  expect((await ask('agents', {key})).status).toBe(403);
});

test('every change is recorded with who, what and how it ended, and nothing that is secret', async () => {
  const operator = await newKey('operator');
  const {token} = (await ask('enroll-tokens', {body: {}})).body.data;
  await ask('credentials', {body: {name: 'nfs', value: 'a-secret-value'}});
  await ask('keys', {key: operator, body: {name: 'mine', role: 'admin'}});
  await ask('agents/none/commands', {key: operator, body: {command: 'kill', pipe: 'p'}});
  await ask('identities/agent/none', {method: 'DELETE'});
  await ask('keys', {key: 'unknown-key', body: {name: 'x', role: 'admin'}});
  await ask('agents');
  const records = await audit();
  expect(records.map(({who, action, subject, outcome, code}) => [who, action, subject, outcome, code])).toEqual([
    ['admin', 'identity.revoke', 'agent/none', 'refused', 'NOT_FOUND'],
    ['operator', 'agent.kill', 'agent/none/p', 'refused', 'AGENT_NOT_FOUND'],
    ['operator', 'POST /api/v1/keys', '/api/v1/keys', 'refused', 'FORBIDDEN'],
    ['admin', 'credential.put', 'nfs', 'done', null],
    ['admin', 'enroll-token.create', expect.any(String), 'done', null],
    ['admin', 'key.create', 'operator', 'done', null],
  ]);
  expect(records.every(({address}) => address === '127.0.0.1')).toBe(true);
  for (const secret of [operator, token, 'a-secret-value']) expect(JSON.stringify(records)).not.toContain(secret);
  const page = await ask('audit?limit=4');
  expect(page.body.data).toHaveLength(4);
  expect((await ask(`audit?limit=4&cursor=${page.body.meta.next_cursor}`)).body.data).toEqual(records.slice(4));
});

test('who hangs up is recorded with the address that they had, and not with one that they say', async () => {
  const socket = connect(Number(new URL(controller.url).port), '127.0.0.1');
  const head = ['POST /api/v1/keys HTTP/1.1', 'host: x', `x-api-key: ${adminKey}`, 'content-length: 9'];
  socket.write([...head, 'x-forwarded-for: 192.0.2.1', '', '{'].join('\r\n'));
  await once(controller.server, 'request');
  socket.resetAndDestroy();
  const [record] = await until(async () => ((await audit()).length > 0 ? audit() : undefined));
  expect(record).toMatchObject({who: 'admin', address: '127.0.0.1'});
});

test('a heartbeat is no change by an administrator, whatever key it has', async () => {
  await ask('control/heartbeat', {body: {agent_id: 'x'}});
  expect(await audit()).toEqual([]);
});

test('a node that is heard from two hosts in turns is known for it', async () => {
  const shell = (host: string) => ({pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host});
  for (const [sequence, host] of ['h1', 'h2', 'h1', 'h2', 'h1'].entries()) {
    const config = {state: 'running'};
    const body = {agent_id: 'a', instance: host, sequence, shell: shell(host), config, parts: [], wait_ms: 0};
    expect((await ask('control/heartbeat', {body})).status).toBe(200);
  }
  expect(controller.identity.clones.clones(Date.now())).toMatchObject([
    {kind: 'agent', id: 'a', places: [{host: 'h1'}, {host: 'h2'}]},
  ]);
});

test('what is answered later is counted as it was answered, and says when to come again', async () => {
  const {store} = controller;
  const write = store.write.bind(store);
  store.write = async () => {
    throw new FustorError('STORE_FULL', 'No room.');
  };
  const config = {state: 'running'};
  const shell = {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: 'h'};
  const acknowledgements = [{id: 'c', outcome: 'done', message: ''}];
  const body = {agent_id: 'a', instance: 'i', sequence: 1, shell, config, parts: [], acknowledgements, wait_ms: 0};
  const answer = await fetch(`${controller.url}/api/v1/control/heartbeat`, {
    ...{method: 'POST', headers: {'x-api-key': adminKey}, body: JSON.stringify(body)},
  });
  store.write = write;
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([507, '10']);
  const metrics = await (await fetch(`${controller.url}/metrics`)).text();
  expect(metrics).toMatch(/requests_total\{route="\/api\/v1\/control\/heartbeat",method="POST",status="507"\} 1/);
});
