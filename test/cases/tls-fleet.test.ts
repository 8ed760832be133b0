import {X509Certificate} from 'node:crypto';
import {cpSync, readFileSync, writeFileSync} from 'node:fs';
import {createServer, get} from 'node:https';
import type {AddressInfo} from 'node:net';
import {basename, dirname, join} from 'node:path';
import {connect} from 'node:tls';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {sha256} from '../../cmd/node/first-contact.ts';
import {Fleet} from '../lib/fleet.ts';
import {openAuthority} from '../lib/identity-parts.ts';
import {makeTree} from '../lib/make-tree.ts';
import {openMemoryControl} from '../lib/memory-control.ts';
import {until} from '../lib/until.ts';

/** One controller that speaks TLS, one fusion, one agent. The tests build on each other. */
describe('a fleet with TLS', () => {
  const nodes = {east: 'fusions', 'node-1': 'agents'};
  let fleet: Fleet;

  beforeAll(async () => {
    fleet = new Fleet({
      fusions: {east: {storage: 'alpha'}},
      agents: {'node-1': {storage: 'alpha'}},
      certificateLifetime: '20s',
    });
    await fleet.prepare();
    makeTree(fleet.storage('alpha'), 200);
  });
  afterAll(() => fleet?.dispose());

  const kept = (name: string): {token: string; certificate: string} =>
    JSON.parse(readFileSync(join(fleet.data(name), 'identity', 'identity.json'), 'utf8'));
  const certificate = (name: string) => new X509Certificate(kept(name).certificate);
  const pidsOfAll = () => Object.keys(nodes).map(name => fleet.pids(name));
  const logged = (name: string, text: string) => until(() => fleet.log(name).includes(text), {what: text});

  test('nodes that know the hash of its authority enrol, and the view is as the storage', async () => {
    await fleet.enrolAll();
    expect(await fleet.fustorctl(['wait', '--for=applied', '--timeout', '60s'])).toMatchObject({status: 0});
    await fleet.same('east');
    for (const [name, kind] of Object.entries(nodes)) {
      const OU = kind.slice(0, -1);
      expect(certificate(name).toLegacyObject().subject).toMatchObject({CN: name, OU});
      expect(fleet.log(name)).not.toContain('"level":"warn"');
    }
  });

  test('fustorctl has to be told the authority, and says so', async () => {
    const ask = (...args: string[]) => fleet.fustorctl(['get', 'agents', '-o', 'name', ...args], {ca: false});
    expect(await ask('--ca', fleet.ca)).toMatchObject({status: 0, stdout: expect.stringContaining('node-1')});
    expect(await ask()).toMatchObject({status: 3, stderr: expect.stringMatching(/certificate.*--ca/s)});
  });

  test('who answers in the place of the controller with another authority is told nothing', async () => {
    const authority = await openAuthority(openMemoryControl());
    const {certificate: shown, key} = await authority.issueServer(['127.0.0.1']);
    const heard: string[] = [];
    let meetings = 0;
    const impostor = createServer({cert: shown + authority.certificate, key}, (_, response) => response.end());
    impostor.on('connection', () => meetings++);
    impostor.on('secureConnection', socket => {
      socket.on('data', bytes => heard.push(bytes.toString()));
    });
    await new Promise<void>(resolve => impostor.listen(0, '127.0.0.1', resolve));
    const control_plane_uri = `https://127.0.0.1:${(impostor.address() as AddressInfo).port}`;
    const auth_token = await fleet.enrolToken('agent');
    fleet.startWith('lured', {agent_id: 'lured', auth_token, control_plane_uri});
    await logged('lured', `is not trusted: ca_sha256 is ${fleet.caSha256}, and it shows `);
    expect(fleet.log('lured')).toContain('or correct it');
    await until(() => meetings >= 2, {what: 'another attempt'});
    await fleet.end('lured');
    expect(heard).toEqual([]);
    expect(fleet.log('lured')).not.toContain(auth_token);
    // Who believes in this authority would have told it everything.
    const ca_sha256 = sha256(new X509Certificate(authority.certificate));
    fleet.startWith('misled', {agent_id: 'misled', auth_token, control_plane_uri, ca_sha256});
    await until(() => heard.join('').includes(auth_token), {what: 'the token of who believes'});
    await fleet.end('misled');
    impostor.close();
    impostor.closeAllConnections();
  });

  test('another host with the same name is refused, and the first one is left alone', async () => {
    const before = pidsOfAll();
    const {token} = kept('node-1');
    fleet.startWith('second', {agent_id: 'node-1', auth_token: await fleet.enrolToken('agent')});
    await logged('second', 'The agent node-1 is the host ');
    await fleet.end('second');
    expect(kept('node-1').token).toBe(token);
    expect(pidsOfAll()).toEqual(before);
  });

  test('certificates are replaced in time, and nothing else is; nobody is missing meanwhile', async () => {
    const before = pidsOfAll();
    const first = certificate('node-1');
    const served = await servedSerial(fleet);
    for (const name of Object.keys(nodes)) {
      const {serialNumber} = certificate(name);
      await until(() => certificate(name).serialNumber !== serialNumber, {what: `another certificate of ${name}`});
    }
    await until(() => Date.now() > first.validToDate.getTime(), {what: 'the end of the first certificate'});
    expect(await servedSerial(fleet)).not.toBe(served);
    writeFileSync(join(fleet.storage('alpha'), 'after the first certificates'), 'x');
    await fleet.same('east');
    for (const [name, kind] of Object.entries(nodes)) {
      expect((await fleet.ask('get', kind, name)).data).toMatchObject({state: 'online'});
      // A command is told, and its end, by heartbeats.
      expect(await fleet.fustorctl([kind.slice(0, -1), 'logs', name])).toMatchObject({status: 0});
      expect(fleet.log(name)).not.toContain('"level":"warn"');
    }
    expect(pidsOfAll()).toEqual(before);
  });

  test('a copy of a node is told as what it is', async () => {
    const [from, to] = ['node-1', 'copy'].map(name => dirname(fleet.data(name))) as [string, string];
    // Where its processes are is true of the first host only.
    cpSync(from, to, {recursive: true, filter: path => basename(path) !== 'run'});
    fleet.start('copy');
    const told = async () => (await fleet.fustorctl(['status'])).stdout.includes('Several hosts use this identity');
    await until(told, {what: 'the copy to be told', everyMs: 200});
    await fleet.end('copy');
  });

  /** What the controller answers to somebody who has all that a node has. */
  const pull = (name: string, query: Record<string, string> = {}) => {
    const {token, certificate: cert} = kept(name);
    const key = readFileSync(join(fleet.data(name), 'identity', 'node.key'));
    const url = `${fleet.controllerUrl}/api/v1/control/configs/pull?${new URLSearchParams({agent_id: name, ...query})}`;
    const who = {ca: readFileSync(fleet.ca), cert, key, headers: {authorization: `Bearer ${token}`}};
    return new Promise<{status: number; signature: string}>((resolve, reject) => {
      get(url, {...who, agent: false}, ({statusCode, headers, socket}) => {
        socket.destroy();
        resolve({status: statusCode!, signature: String(headers['x-config-signature'])});
      }).on('error', reject);
    });
  };

  test('who is cut off is refused everywhere at once, and its payload watches on', async () => {
    const before = fleet.pids('node-1');
    const {token} = kept('node-1');
    const {status, signature} = await pull('node-1');
    expect(status).toBe(200);
    const held = pull('node-1', {current_signature: signature, wait: '30'});
    expect((await fleet.get('east', '/api/v1/status', token)).status).not.toBe(401);
    const revokedAt = performance.now();
    expect(await fleet.fustorctl(['identity', 'revoke', 'agent/node-1'])).toMatchObject({status: 0});
    expect((await held).status).toBe(401);
    expect((await pull('node-1')).status).toBe(401);
    const isRefused = async () => (await fleet.get('east', '/api/v1/status', token)).status === 401;
    await until(isRefused, {what: 'the token to be refused by the fusion'});
    expect(performance.now() - revokedAt).toBeLessThan(5_000);
    await logged('node-1', 'answered 401');
    expect(fleet.pids('node-1')).toEqual(before);
  });
});

/** Of the certificate that the controller shows to who connects now. */
function servedSerial(fleet: Fleet): Promise<string> {
  const {port} = new URL(fleet.controllerUrl);
  return new Promise((resolve, reject) => {
    const socket = connect({host: '127.0.0.1', port: Number(port), ca: readFileSync(fleet.ca)}, () => {
      resolve(socket.getPeerX509Certificate()!.serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
