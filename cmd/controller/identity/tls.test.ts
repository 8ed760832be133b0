import {execFileSync} from 'node:child_process';
import {createPublicKey, generateKeyPairSync, X509Certificate} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import {createServer, type Server} from 'node:https';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {connect} from 'node:tls';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {type Asked, askJson} from '../../../test/lib/ask-json.ts';
import {openAuthority, quietLog} from '../../../test/lib/identity-parts.ts';
import {ManualClock} from '../../../test/lib/manual-clock.ts';
import {openMemoryControl} from '../../../test/lib/memory-control.ts';
import {adminKey, type RealController, startRealController} from '../../../test/lib/real-controller.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {until} from '../../../test/lib/until.ts';
import {certificateRequest} from '../../node/certificate-request.ts';
import {systemClock} from '../../system-clock.ts';
import {ServerCertificate} from './server-certificate.ts';

let controller: RealController;
let ca: string;
beforeEach(async () => {
  controller = await startRealController({isTls: true});
  ca = controller.identity.authority!.certificate;
});
afterEach(() => controller.close());

const ask = (path: string, {tls, ...asked}: Asked = {}) =>
  askJson(`${controller.url}/api/v1/${path}`, {...asked, tls: {ca, ...tls}});

function newKey(): {key: string; publicKey: string} {
  const {privateKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  const key = privateKey.export({type: 'pkcs8', format: 'pem'}).toString();
  return {key, publicKey: createPublicKey(key).export({type: 'spki', format: 'pem'}).toString()};
}

/** A node that has enrolled: its token, and what it shows. */
async function enrolled(id = 'node-a') {
  const {key, publicKey} = newKey();
  const token = (await ask('enroll-tokens', {key: adminKey, body: {}})).body.data.token;
  const body = {kind: 'agent', id, token, public_key: publicKey, csr: await certificateRequest(key), host: 'h1'};
  const {data} = (await ask('control/enroll', {body})).body;
  return {token: data.token as string, tls: {cert: data.certificate as string, key}, publicKey};
}

const heartbeat = (id: string, wait_ms = 0) => ({
  ...{agent_id: id, instance: 'one', sequence: 1, config: {state: 'running'}, parts: [], wait_ms},
  shell: {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: 'h'},
});
const beat = (key: string, tls: Asked['tls'], {id = 'node-a', waitMs = 0} = {}) =>
  ask('control/heartbeat', {key, tls: {...tls}, body: heartbeat(id, waitMs)});

test('a node speaks with its token and its certificate, and for nobody else', async () => {
  const {token, tls} = await enrolled();
  expect(await beat(token, tls)).toMatchObject({status: 200});
  expect(await beat(token, {})).toMatchObject({status: 200});
  expect(await beat(token, tls, {id: 'node-b'})).toMatchObject({status: 403});
  expect(new X509Certificate(tls.cert).subject).toBe('CN=node-a\nOU=agent');
});

test('a certificate of another node, of another authority, or of nobody makes a token worth nothing', async () => {
  const [a, b] = [await enrolled('node-a'), await enrolled('node-b')];
  expect(await beat(a.token, b.tls)).toMatchObject({
    status: 401,
    body: {error: {message: expect.stringContaining('the agent node-a')}},
  });
  const {key, publicKey} = newKey();
  const foreign = await openAuthority(openMemoryControl());
  const {certificate: cert} = await foreign.issue(
    {kind: 'agent', id: 'node-a'},
    {csr: await certificateRequest(key), publicKey},
  );
  expect(await beat(a.token, {cert, key})).toMatchObject({
    status: 401,
    body: {error: {message: expect.stringContaining('not one of this controller')}},
  });
  expect((await beat('no-such-token', a.tls)).status).toBe(401);
});

test('a revocation ends what is held within a second, and refuses token and certificate', async () => {
  const {token, tls} = await enrolled();
  const held = beat(token, tls, {waitMs: 20_000});
  await until(() => controller.controller.agents().length === 1, {what: 'the heartbeat'});
  const revokedAt = performance.now();
  expect(await ask('identities/agent/node-a', {method: 'DELETE', key: adminKey})).toMatchObject({status: 200});
  expect((await held).status).toBe(401);
  expect(performance.now() - revokedAt).toBeLessThan(1_000);
  expect((await beat(token, tls)).status).toBe(401);
  expect(await ask('agents', {key: adminKey, tls})).toMatchObject({
    status: 401,
    body: {error: {message: expect.stringContaining('not one of a node that counts')}},
  });
});

test('a certificate is renewed for the same key only, with the one before', async () => {
  const {token, tls} = await enrolled();
  const csr = await certificateRequest(tls.key);
  const renewed = await ask('control/renew', {key: token, tls, body: {csr}});
  expect(renewed.status).toBe(200);
  expect(await beat(token, {cert: renewed.body.data.certificate, key: tls.key})).toMatchObject({status: 200});
  const statuses = [
    (await ask('control/renew', {key: token, body: {csr}})).status,
    (await ask('control/renew', {key: token, tls, body: {csr: await certificateRequest(newKey().key)}})).status,
    (await ask('control/renew', {key: token, tls, body: {csr: 'x'}})).status,
    (await ask('control/renew', {key: adminKey, body: {csr}})).status,
  ];
  expect(statuses).toEqual([401, 400, 400, 403]);
});

test('a request whose signature or key was changed is refused', async () => {
  const {token, tls} = await enrolled();
  const der = Buffer.from((await certificateRequest(tls.key)).replace(/-----.*-----/g, ''), 'base64');
  for (const at of [der.length - 1, der.length - 20, 60]) {
    const changed = Buffer.from(der);
    changed[at]! ^= 1;
    const csr = `-----BEGIN CERTIFICATE REQUEST-----\n${changed.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    expect(await ask('control/renew', {key: token, tls, body: {csr}})).toMatchObject({status: 400});
  }
});

test('openssl finds the certificates to be what they should be', async () => {
  using folder = temporaryFolder();
  const {tls} = await enrolled();
  const file = (name: string, text: string) => {
    writeFileSync(join(folder.path, name), text);
    return join(folder.path, name);
  };
  const [caFile, client] = [file('ca.pem', ca), file('client.pem', tls.cert)];
  const server = file('server.pem', await shownBy(controller.url));
  const verify = (purpose: string, certificate: string) =>
    execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', caFile, '-purpose', purpose, certificate], {
      stdio: 'pipe',
    }).toString();
  expect(verify('sslclient', client)).toContain('OK');
  expect(verify('sslserver', server)).toContain('OK');
  expect(() => verify('sslserver', client)).toThrow();
});

test('the authority stays the same when it is opened again, and its key is sealed', async () => {
  const store = openMemoryControl();
  const first = await openAuthority(store);
  const again = await openAuthority(store);
  expect(again.certificate).toBe(first.certificate);
  const {publicKey, key} = newKey();
  const {certificate} = await again.issue({kind: 'agent', id: 'a'}, {csr: await certificateRequest(key), publicKey});
  expect(new X509Certificate(certificate).verify(new X509Certificate(first.certificate).publicKey)).toBe(true);
  expect(JSON.stringify(store.read(txn => txn.records('authority')))).not.toContain('PRIVATE');
});

test('a server renews its own certificate when a third of its life is left, and connections go on', async () => {
  const lifetimeMs = 60 * 60_000;
  const clock = new ManualClock();
  clock.wallMs = Date.now();
  const authority = await openAuthority(openMemoryControl(), lifetimeMs);
  const listen = {host: '127.0.0.1', port: 0};
  const tls = {files: undefined, names: ['127.0.0.1'], certificateLifetimeMs: lifetimeMs};
  const own = new ServerCertificate({tls, listen}, {authority, clock, log: quietLog});
  const server: Server = createServer(await own.obtain(), (_, response) => void response.end('{}'));
  await new Promise<void>(resolve => server.listen(listen, resolve));
  const stop = new AbortController();
  const kept = own.keep(server, stop.signal);
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const first = await shownBy(url);
  await clock.pass(lifetimeMs * 0.6);
  expect(await shownBy(url)).toBe(first);
  await clock.pass(lifetimeMs * 0.1);
  const next = await until(async () => {
    const now = await shownBy(url);
    return now === first ? undefined : now;
  });
  expect(new X509Certificate(next).checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(await askJson(url, {tls: {ca: authority.certificate}})).toMatchObject({status: 200});
  stop.abort();
  await kept;
  server.close();
});

test('certificate files that do not belong together are a mistake of the configuration', async () => {
  using folder = temporaryFolder();
  const authority = await openAuthority(openMemoryControl());
  const pair = await authority.issueServer(['localhost']);
  const files = {certificate: join(folder.path, 'c.pem'), key: join(folder.path, 'k.pem')};
  const obtain = () => {
    const tls = {files, names: undefined, certificateLifetimeMs: 60_000};
    const listen = {host: '127.0.0.1', port: 0};
    return new ServerCertificate({tls, listen}, {authority, clock: systemClock, log: quietLog}).obtain();
  };
  await expect(obtain()).rejects.toMatchObject({code: 'CONFIG_INVALID', message: expect.stringContaining('c.pem')});
  writeFileSync(files.certificate, pair.certificate);
  writeFileSync(files.key, newKey().key);
  await expect(obtain()).rejects.toMatchObject({code: 'CONFIG_INVALID'});
  writeFileSync(files.key, pair.key);
  expect(await obtain()).toMatchObject({cert: pair.certificate, key: pair.key});
});

/** The certificate that a server shows, PEM. */
function shownBy(url: string): Promise<string> {
  const {hostname: host, port} = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({host, port: Number(port), rejectUnauthorized: false}, () => {
      resolve(socket.getPeerX509Certificate()!.toString());
      socket.destroy();
    });
    socket.once('error', reject);
  });
}
