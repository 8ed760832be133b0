import {generateKeyPairSync} from 'node:crypto';
import {once} from 'node:events';
import {readFileSync, writeFileSync} from 'node:fs';
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import type {Log} from '../../core/log/log.ts';
import {encodeManifest, type Manifest, type SignedManifest} from '../../core/manifest/manifest.ts';
import {signingKey, trustedKey} from '../../core/manifest/signature.ts';
import {Signal} from '../../core/pipe/signal.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {systemClock} from '../system-clock.ts';
import {HttpWay} from './http-way.ts';
import type {NodeIdentity} from './identity.ts';
import {ManifestCache} from './manifest-cache.ts';
import {ManifestLink} from './manifest-link.ts';

const {privateKey, publicKey} = generateKeyPairSync('ed25519');
const key = signingKey(privateKey);
const node = {kind: 'agent', id: 'node-a'} as const;
const made = (id: string, more: Partial<Manifest> = {}): SignedManifest =>
  encodeManifest({manifest: 1, ...node, config: {pipes: {[id]: {}}}, ...more}, key);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let file: string;
let questions: string[];
let warned: string[];
/** What the controller does with a question; each test has its own weather. */
let weather: (response: ServerResponse, request: IncomingMessage) => unknown;
let url: string;

beforeEach(async () => {
  const folder = temporaryFolder();
  file = join(folder.path, 'manifest');
  questions = [];
  warned = [];
  weather = response => response.writeHead(503).end();
  const server = createServer((request, response) => {
    questions.push(request.url!);
    weather(response, request);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  cleanups.push(
    () => folder.remove(),
    () => server.close(),
    () => server.closeAllConnections(),
  );
});

const told = ({bytes, signature}: SignedManifest) => ({
  answer: (response: ServerResponse) => response.writeHead(200, {'x-config-signature': signature}).end(bytes),
});
const signatureIn = (question: string) => new URL(question, 'http://c').searchParams.get('current_signature');
const waitIn = (question: string) => new URL(question, 'http://c').searchParams.get('wait');

function identity(more: Partial<NodeIdentity> = {}): NodeIdentity {
  return {
    token: () => 'token-of-node-a',
    tls: () => ({}),
    authorities: () => [],
    trusted: () => [trustedKey(publicKey)],
    changed: new Signal(),
    problem: () => undefined,
    run: async () => {},
    ...more,
  };
}

function open({who = identity(), random = () => 0}: {who?: NodeIdentity; random?: () => number} = {}) {
  const log: Log = {
    debug() {},
    info() {},
    warn: facts => void warned.push(JSON.stringify(facts)),
    error: facts => void warned.push(JSON.stringify(facts)),
    child: () => log,
  };
  const way = new HttpWay(url);
  const cache = new ManifestCache(file);
  const link = new ManifestLink({node, way, identity: who, cache, clock: systemClock, random, log, answerMs: 300});
  const stop = new AbortController();
  const run = () => {
    const ended = link.run(stop.signal);
    cleanups.push(async () => {
      stop.abort();
      await ended;
      way.close();
    });
    return link;
  };
  return {link, run};
}

const cached = (signed: SignedManifest) => new ManifestCache(file).write(signed);
const isAccepted = (link: ManifestLink, {signature}: SignedManifest) =>
  until(() => link.accepted?.signature === signature, {what: 'the manifest'});

test('a manifest is verified, kept for the next start, and the question for another one is held', async () => {
  const first = made('first');
  const second = made('second');
  const held: ServerResponse[] = [];
  weather = (response, request) => {
    expect(request.headers.authorization).toBe('Bearer token-of-node-a');
    if (signatureIn(request.url!) === null) told(first).answer(response);
    else held.push(response);
  };
  const link = open().run();
  await isAccepted(link, first);
  expect(link.accepted).toMatchObject({origin: 'controller', manifest: {config: {pipes: {first: {}}}}});
  await until(() => held.length === 1, {what: 'the held question'});
  expect(questions.map(waitIn)).toEqual([null, '30']);
  const toldAt = performance.now();
  told(second).answer(held[0]!);
  await isAccepted(link, second);
  expect(performance.now() - toldAt).toBeLessThan(1_000);
  expect(signatureIn(questions[1]!)).toBe(first.signature);
  expect(open().link.accepted).toMatchObject({origin: 'cache', signature: second.signature});
});

test('what another heartbeat tells of is asked for at once, also while a question is held or after a failure', async () => {
  const second = made('second');
  cached(made('first'));
  weather = response => void response;
  const link = open({random: () => 0.99}).run();
  await until(() => questions.length === 1);
  weather = told(second).answer;
  link.hint('another signature');
  await isAccepted(link, second);
  link.hint(second.signature);
  expect(link.failure).toBeUndefined();
});

const refusal = JSON.stringify({error: {code: 'UNAUTHENTICATED', message: 'The API key is not known here.'}});
const current = made('current');
const next = made('next');
const stranger = signingKey(generateKeyPairSync('ed25519').privateKey);
const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));

test.each<[string, (response: ServerResponse) => unknown, string]>([
  ['401', response => response.writeHead(401).end(refusal), 'answered 401: The API key is not known here.'],
  ['429', response => response.writeHead(429, {'retry-after': '1'}).end(), 'answered 429'],
  ['503 of a proxy', response => response.writeHead(503).end('<h1>no</h1>'), 'answered 503'],
  ['garbage', response => response.end('<h1>Welcome</h1>'), 'not as a controller does'],
  ['a redirection', response => response.writeHead(302, {location: '/x'}).end(), 'answered 302'],
  ['a reset', response => response.destroy(), 'ECONNRESET'],
  ['a hang', () => {}, 'no answer within 0.3 s'],
  ['a slow answer', response => drip(response, next), 'no answer within 0.3 s'],
  ['half an answer', response => cut(response, next), 'ECONNRESET'],
  ['a short answer', response => told({...next, bytes: next.bytes.subarray(1)}).answer(response), 'its bytes have'],
  ['a flipped bit', response => told({...next, bytes: flipped(next.bytes, 9)}).answer(response), 'its bytes have'],
  ['no signature', response => response.end(next.bytes), 'not as a controller does'],
  ['another signature', response => told({...next, signature: current.signature}).answer(response), 'its bytes have'],
  [
    'the signature of a stranger',
    told(encodeManifest({manifest: 1, ...node, config: {}}, stranger)).answer,
    'this node trusts',
  ],
  ['the manifest of another', told(made('x', {id: 'node-b'})).answer, 'it is for the agent node-b'],
  ['the manifest of a fusion', told(made('x', {kind: 'fusion'})).answer, 'it is for the fusion node-a'],
])('%s changes nothing, is told, and is over when the controller answers again', async (_, answer, reason) => {
  cached(current);
  weather = answer;
  const link = open().run();
  await until(() => link.failure, {what: 'the failure'});
  expect(link.failure!.reason).toContain(reason);
  expect(link.accepted).toMatchObject({signature: current.signature, origin: 'cache'});
  expect(new ManifestCache(file).read()?.signature).toBe(current.signature);
  weather = told(next).answer;
  await isAccepted(link, next);
  await until(() => link.failure === undefined);
  expect(link.accepted!.origin).toBe('controller');
});

test('a controller that has no manifest for this node is asked now and then, and is no reason to stop', async () => {
  cached(current);
  weather = response => response.writeHead(404).end('{"error": {"code": "NOT_FOUND", "message": "None."}}');
  const link = open().run();
  await until(() => questions.length === 2, {what: 'another question'});
  expect(link.accepted!.signature).toBe(current.signature);
});

test('one that does not hold questions is not asked all the time', async () => {
  cached(current);
  weather = response => response.writeHead(304).end();
  const link = open().run();
  await until(() => link.accepted!.origin === 'controller');
  const startedAt = performance.now();
  await until(() => questions.length >= 4, {what: 'two more questions'});
  expect(performance.now() - startedAt).toBeGreaterThan(900);
});

test('retry-after is waited for, and more at random; pauses are spread also at their cap', async () => {
  const askedAt: number[] = [];
  weather = response => {
    askedAt.push(performance.now());
    response.writeHead(429, {'retry-after': '1'}).end();
  };
  open({random: () => 0.5}).run();
  await until(() => askedAt.length === 2, {what: 'another question'});
  expect(askedAt[1]! - askedAt[0]!).toBeGreaterThan(1_200);
});

test('whichever bit of the cache is flipped, it is refused, and told why', async () => {
  const small = encodeManifest({manifest: 1, ...node, config: {}}, key);
  cached(small);
  const good = readFileSync(file);
  for (let bit = 0; bit < good.byteLength * 8; bit++) {
    const damaged = Buffer.from(good);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    writeFileSync(file, damaged);
    const {link} = open();
    expect(link.accepted).toBeUndefined();
    expect(link.failure).toMatchObject({isRefused: true, reason: expect.stringContaining('refused')});
  }
  writeFileSync(file, good);
  expect(open().link.accepted?.signature).toBe(small.signature);
});

test('why the cache does not count is told until the controller has said what does', async () => {
  writeFileSync(file, 'not a manifest');
  const link = open().run();
  await until(() => questions.length > 0);
  expect(link.failure).toMatchObject({isRefused: true});
  weather = told(next).answer;
  await isAccepted(link, next);
  await until(() => link.failure === undefined);
});

test('without an identity nothing is asked, and with it everything at once', async () => {
  const changed = new Signal();
  let token: string | undefined;
  const who = identity({token: () => token, changed, problem: () => 'The token to enrol with has been used up.'});
  weather = told(next).answer;
  const link = open({who, random: () => 0.99}).run();
  await until(() => link.failure);
  expect(link.failure!.reason).toContain('The token to enrol with has been used up.');
  expect(questions).toEqual([]);
  token = 'token-of-node-a';
  changed.raise();
  await isAccepted(link, next);
});

function cut(response: ServerResponse, {bytes, signature}: SignedManifest): void {
  response.writeHead(200, {'x-config-signature': signature, 'content-length': bytes.byteLength});
  response.write(bytes.subarray(0, 20), () => response.destroy());
}

function drip(response: ServerResponse, {bytes, signature}: SignedManifest): void {
  response.writeHead(200, {'x-config-signature': signature});
  let sent = 0;
  const timer = setInterval(() => response.write(bytes.subarray(sent, ++sent)), 50);
  response.on('close', () => clearInterval(timer));
}
