import {createPrivateKey, generateKeyPairSync, X509Certificate} from 'node:crypto';
import {readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {tokenHash} from '../../core/identity/tokens.ts';
import type {Log} from '../../core/log/log.ts';
import {type RealController, startRealController} from '../../test/lib/real-controller.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {systemClock} from '../system-clock.ts';
import {sha256} from './first-contact.ts';
import {HttpWay} from './http-way.ts';
import {type NodeBootstrap, type NodeIdentity, openIdentity} from './identity.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const publicPem = () => generateKeyPairSync('ed25519').publicKey.export({type: 'spki', format: 'pem'}).toString();
const signer = publicPem();
let directory: string;
let warnings: object[];
const log: Log = {debug() {}, info() {}, warn: facts => void warnings.push(facts), error() {}, child: () => log};

beforeEach(() => {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  directory = join(folder.path, 'identity');
  warnings = [];
});

async function start(options: Parameters<typeof startRealController>[0] = {}): Promise<RealController> {
  const controller = await startRealController({signingKeys: [signer], ...options});
  cleanups.push(() => controller.close());
  return controller;
}

const enrolToken = async ({identity}: RealController, more: object = {}) =>
  (await identity.enrolTokens.create({role: 'agent', ttlMs: 60_000, uses: 1, by: 'test', ...more})).token;

/** One that runs until `stop`. */
function node(bootstrap: Pick<NodeBootstrap, 'url' | 'authToken'> & Partial<NodeBootstrap>, clock = systemClock) {
  const identity = openIdentity(
    {directory, bootstrap: {kind: 'agent', id: 'node-a', ...bootstrap}},
    {openWay: tls => new HttpWay(bootstrap.url, tls), machineId: 'm1', clock, random: () => 0, log},
  );
  const stop = new AbortController();
  const ended = identity.run(stop.signal);
  const end = async () => {
    stop.abort();
    await ended;
  };
  cleanups.push(end);
  return {identity, stop: end};
}

const isComplete = (identity: NodeIdentity) => identity.token() !== undefined && identity.trusted().length > 0;
const counts = ({identity: {identities}}: RealController, token = '') =>
  identities.find(tokenHash(token)) !== undefined;

test('a node enrols once, keeps what it was given for itself, and is the same after a restart', async () => {
  const controller = await start();
  const authToken = await enrolToken(controller);
  const first = node({url: controller.url, authToken});
  expect(first.identity.token()).toBeUndefined();
  await until(() => isComplete(first.identity), {what: 'the identity'});
  const token = first.identity.token();
  expect(counts(controller, token)).toBe(true);
  await first.stop();
  for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
  controller.close();
  const second = node({url: controller.url, authToken});
  expect([second.identity.token(), second.identity.trusted().length]).toEqual([token, 1]);
  expect(readdirSync(directory).sort()).toEqual(['identity.json', 'node.key', 'trust.json']);
});

test('with TLS a node trusts the authority that it meets first and says so, and gets a certificate', async () => {
  const controller = await start({isTls: true});
  const {identity} = node({url: controller.url, authToken: await enrolToken(controller)});
  await until(() => isComplete(identity), {what: 'the identity'});
  const {ca, cert, key} = identity.tls();
  expect(ca).toEqual([new X509Certificate(controller.identity.authority!.certificate).toString()]);
  expect(new X509Certificate(cert!).checkPrivateKey(createPrivateKey(key!))).toBe(true);
  expect(warnings).toMatchObject([
    {ca_sha256: sha256(new X509Certificate(controller.identity.authority!.certificate))},
  ]);
});

test('with ca_sha256 only this authority is trusted, and nobody hears the token before', async () => {
  const controller = await start({isTls: true});
  const right = sha256(new X509Certificate(controller.identity.authority!.certificate));
  const authToken = await enrolToken(controller);
  const wrong = node({url: controller.url, authToken, caSha256: '00'.repeat(32)});
  await until(() => wrong.identity.problem()?.includes(right), {what: 'the refusal'});
  expect(wrong.identity.token()).toBeUndefined();
  await wrong.stop();
  const {identity} = node({url: controller.url, authToken, caSha256: right.toUpperCase()});
  await until(() => isComplete(identity), {what: 'the identity'});
  expect(warnings.filter(facts => 'ca_sha256' in facts)).toEqual([]);
});

test('another server in the place of the controller is not talked to', async () => {
  const controller = await start({isTls: true});
  const authToken = await enrolToken(controller);
  const first = node({url: controller.url, authToken});
  await until(() => isComplete(first.identity));
  await first.stop();
  const impostor = await start({isTls: true});
  const {identity} = node({url: impostor.url, authToken: await enrolToken(impostor)});
  await until(() => identity.problem(), {what: 'the refusal'});
  expect(identity.problem()).toMatch(/Cannot reach/);
  expect(identity.token()).toBe(first.identity.token());
});

test('certificates are replaced at two thirds of their life, and the earlier token goes on', async () => {
  const controller = await start({isTls: true, lifetimeMs: 3_000});
  const {identity} = node({url: controller.url, authToken: await enrolToken(controller)});
  await until(() => isComplete(identity) && identity.tls().cert);
  const [token, certificate] = [identity.token(), identity.tls().cert];
  const seen = identity.changed.count;
  const enrolledAt = performance.now();
  await until(() => identity.tls().cert !== certificate, {what: 'another certificate'});
  expect(performance.now() - enrolledAt).toBeGreaterThan(1_500);
  expect([identity.token(), identity.changed.count > seen]).toEqual([token, true]);
  const [before, after] = [certificate!, identity.tls().cert!].map(pem => new X509Certificate(pem));
  expect(after!.validToDate.getTime()).toBeGreaterThan(before!.validToDate.getTime());
});

test('a certificate that has expired while the node was away is renewed', async () => {
  const controller = await start({isTls: true, lifetimeMs: 3_000});
  const authToken = await enrolToken(controller);
  const first = node({url: controller.url, authToken});
  await until(() => isComplete(first.identity));
  const certificate = first.identity.tls().cert!;
  await first.stop();
  await until(() => new X509Certificate(certificate).validToDate.getTime() < Date.now(), {what: 'the end of its life'});
  const {identity} = node({url: controller.url, authToken});
  await until(() => identity.tls().cert !== certificate, {what: 'another certificate'});
});

test('a certificate that came while the clock was ahead is renewed when it is right again', async () => {
  const controller = await start({isTls: true});
  const authToken = await enrolToken(controller);
  const ahead = {...systemClock, now: () => systemClock.now() + 86_400_000};
  const first = node({url: controller.url, authToken}, ahead);
  await until(() => isComplete(first.identity), {what: 'the identity'});
  const {cert} = first.identity.tls();
  await first.stop();
  const second = node({url: controller.url, authToken});
  await until(() => second.identity.tls().cert !== cert, {what: 'another certificate'});
  expect(second.identity.token()).toBe(first.identity.token());
});

test('an answer to the enrolment that was lost costs nothing', async () => {
  const controller = await start();
  const authToken = await enrolToken(controller);
  const first = node({url: controller.url, authToken});
  await until(() => isComplete(first.identity));
  await first.stop();
  rmSync(join(directory, 'identity.json'));
  const {identity} = node({url: controller.url, authToken});
  await until(() => isComplete(identity));
  expect(counts(controller, identity.token())).toBe(true);
  expect(counts(controller, first.identity.token())).toBe(false);
});

test('another enrolment token has the node enrol again, and until that is answered it stays who it was', async () => {
  const controller = await start();
  const first = node({url: controller.url, authToken: await enrolToken(controller)});
  await until(() => isComplete(first.identity));
  await first.stop();
  await controller.identity.identities.revoke({kind: 'agent', id: 'node-a'}, 'test');
  const unknown = node({url: controller.url, authToken: 'fustor_enroll_unknown'});
  await until(() => unknown.identity.problem()?.includes('not known here'));
  expect(unknown.identity.token()).toBe(first.identity.token());
  await unknown.stop();
  const {identity} = node({url: controller.url, authToken: await enrolToken(controller)});
  await until(() => counts(controller, identity.token()), {what: 'a token that counts'});
});

test('a token of its own needs no enrolment, and the key of the controller is pinned when it is met', async () => {
  const controller = await start();
  const first = node({url: controller.url, authToken: 'a-token-of-its-own'});
  expect(first.identity.token()).toBe('a-token-of-its-own');
  await until(() => first.identity.trusted().length === 1);
  await first.stop();
  controller.close();
  const other = await start({signingKeys: [publicPem()], port: Number(new URL(controller.url).port)});
  const {identity} = node({url: other.url, authToken: 'a-token-of-its-own'});
  expect(identity.trusted()).toEqual(first.identity.trusted());
});

test('over plain HTTP other keys of the controller count only with another enrolment token', async () => {
  const controller = await start();
  const first = node({url: controller.url, authToken: await enrolToken(controller)});
  await until(() => isComplete(first.identity));
  const [key] = first.identity.trusted();
  await first.stop();
  controller.close();
  const anew = await start({signingKeys: [publicPem()]});
  const {identity} = node({url: anew.url, authToken: await enrolToken(anew)});
  expect(identity.trusted()).toEqual([key]);
  await until(() => counts(anew, identity.token()), {what: 'the identity at the new controller'});
  expect(identity.trusted()).not.toEqual([key]);
});

test('a controller that was set up anew is met by its new ca_sha256', async () => {
  const controller = await start({isTls: true});
  const first = node({url: controller.url, authToken: await enrolToken(controller)});
  await until(() => isComplete(first.identity));
  await first.stop();
  const anew = await start({isTls: true, signingKeys: [publicPem()]});
  const caSha256 = sha256(new X509Certificate(anew.identity.authority!.certificate));
  const {identity} = node({url: anew.url, authToken: await enrolToken(anew), caSha256});
  await until(() => counts(anew, identity.token()), {what: 'the identity at the new controller'});
  expect(identity.trusted()).not.toEqual(first.identity.trusted());
});

test.each(['identity.json', 'trust.json', 'node.key'])('a damaged %s is told and left as it is', async name => {
  const controller = await start();
  const authToken = await enrolToken(controller, {uses: 5});
  const first = node({url: controller.url, authToken});
  await until(() => isComplete(first.identity));
  await first.stop();
  const file = join(directory, name);
  const right = readFileSync(file);
  writeFileSync(file, right.subarray(0, right.length / 2));
  const damaged = node({url: controller.url, authToken});
  expect(damaged.identity.problem()).toContain(file);
  await damaged.stop();
  expect(readFileSync(file)).toEqual(right.subarray(0, right.length / 2));
  writeFileSync(file, right);
  expect(node({url: controller.url, authToken}).identity.token()).toBe(first.identity.token());
});

test('a data directory of another node is refused', async () => {
  const controller = await start();
  const authToken = await enrolToken(controller, {uses: 2});
  const first = node({url: controller.url, authToken});
  await until(() => isComplete(first.identity));
  await first.stop();
  const {identity} = node({url: controller.url, authToken, id: 'node-b'});
  expect([identity.token(), identity.problem()]).toEqual([undefined, expect.stringContaining('of the agent node-a')]);
});

test.each([
  ['401', {status: 401, body: '{"error": {"code": "UNAUTHENTICATED", "message": "no"}}'}],
  ['503', {status: 503, body: ''}],
  ['garbage', {status: 200, body: '{"data": {"token": 7'}],
  ['an empty token', {status: 200, body: JSON.stringify({data: {token: '', signing_keys: [signer]}})}],
  [
    'a certificate that is none',
    {status: 200, body: JSON.stringify({data: {token: 'long-enough', signing_keys: [signer], certificate: 'x'}})},
  ],
  ['a broken connection', undefined],
])('bad weather (%s) changes nothing of an identity', async (_, answer) => {
  const controller = await start();
  const first = node({url: controller.url, authToken: await enrolToken(controller)});
  await until(() => isComplete(first.identity));
  await first.stop();
  const files = () => readdirSync(directory).map(name => [name, readFileSync(join(directory, name), 'utf8')]);
  const before = files();
  let asked = 0;
  const server = createServer((_, response) => {
    asked++;
    if (answer) response.writeHead(answer.status).end(answer.body);
    else response.destroy();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const {identity, stop} = node({url, authToken: 'fustor_enroll_another'});
  await until(() => identity.problem() && asked > 1, {what: 'several tries'});
  await stop();
  expect(identity.token()).toBe(first.identity.token());
  expect(files()).toEqual(before);
});
