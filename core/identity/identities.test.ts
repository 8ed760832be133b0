import {generateKeyPairSync} from 'node:crypto';
import {beforeEach, expect, test} from 'vitest';
import {quietLog} from '../../test/lib/identity-parts.ts';
import {ManualClock} from '../../test/lib/manual-clock.ts';
import {openMemoryControl} from '../../test/lib/memory-control.ts';
import type {ControlStore} from '../control/control-store.ts';
import {EnrolTokens, type NewEnrolToken} from './enrol-tokens.ts';
import {Identities} from './identities.ts';
import {tokenHash} from './tokens.ts';

const keyPem = () =>
  generateKeyPairSync('ec', {namedCurve: 'P-256'}).publicKey.export({type: 'spki', format: 'pem'}).toString();
const [ownKey, otherKey] = [keyPem(), keyPem()];
const agent = {kind: 'agent', id: 'node-a'} as const;

let store: ControlStore;
let clock: ManualClock;
let identities: Identities;
let enrolTokens: EnrolTokens;
beforeEach(() => {
  store = openMemoryControl();
  clock = new ManualClock();
  let ids = 0;
  identities = new Identities({store, clock, log: quietLog, certifier: undefined});
  enrolTokens = new EnrolTokens({store, clock, randomId: () => `t${ids++}`});
});

const make = async (more: Partial<NewEnrolToken> = {}) =>
  (await enrolTokens.create({role: 'agent', ttlMs: 60_000, uses: 1, by: 'admin', ...more})).token;
const enrol = (token: string, {key = ownKey, host = 'h1', ...more}: {key?: string; host?: string; id?: string} = {}) =>
  identities.enrol({...agent, public_key: key, host, ...more}, token);
const counts = (token: string) => identities.find(tokenHash(token)) !== undefined;
const usesLeft = () => enrolTokens.list().map(({uses_left}) => uses_left);

test('a node that asks again is answered with a token that counts, and uses up nothing more', async () => {
  const token = await make();
  const first = await enrol(token);
  const second = await enrol(token);
  expect([first.isNew, second.isNew, usesLeft()]).toEqual([true, false, [0]]);
  expect([counts(first.token), counts(second.token)]).toEqual([false, true]);
  expect(identities.tokensOf('node-a')).toEqual([tokenHash(second.token)]);
  await expect(enrol(token, {id: 'node-b'})).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('used up'),
  });
});

test('another key does not get an identity that counts; the refusal says whose it is, and costs nothing', async () => {
  const token = await make({uses: 2});
  const {token: own} = await enrol(token);
  const since = new Date(clock.now()).toISOString();
  clock.wallMs += 1_000;
  await expect(enrol(token, {key: otherKey, host: 'h2'})).rejects.toMatchObject({
    code: 'IDENTITY_CONFLICT',
    message: expect.stringContaining(`the host h1 since ${since}`),
    details: {host: 'h1', since},
  });
  expect([counts(own), usesLeft()]).toEqual([true, [1]]);
});

test('a token that replaces gives the identity to another key, and the earlier token ends', async () => {
  const {token: before} = await enrol(await make());
  const {revoked} = identities.find(tokenHash(before))!;
  const {token: after} = await enrol(await make({node: 'node-a', replaces: true}), {key: otherKey, host: 'h2'});
  expect([counts(before), counts(after), revoked.aborted]).toEqual([false, true, true]);
  expect(identities.list()).toMatchObject([{id: 'node-a', host: 'h2', state: 'active'}]);
});

test('what was revoked ends at once, and comes back only with a token that was made after that', async () => {
  const enrolment = await make({uses: 5});
  const {token} = await enrol(enrolment);
  const {revoked} = identities.find(tokenHash(token))!;
  const seen = identities.changed.count;
  clock.wallMs += 1_000;
  await identities.revoke(agent, 'admin');
  expect([counts(token), revoked.aborted, identities.tokensOf('node-a')]).toEqual([false, true, []]);
  expect(identities.changed.count).toBeGreaterThan(seen);
  await expect(enrol(enrolment)).rejects.toMatchObject({code: 'FORBIDDEN'});
  await expect(enrol(enrolment, {key: otherKey})).rejects.toMatchObject({code: 'FORBIDDEN'});
  await expect(identities.revoke(agent, 'admin')).rejects.toMatchObject({code: 'NOT_FOUND'});
  clock.wallMs += 1_000;
  expect((await enrol(await make(), {key: otherKey})).isNew).toBe(true);
});

test.each([
  ['an unknown one', async () => 'fustor_enroll_x', 'UNAUTHENTICATED', 'not known'],
  ['one that has expired', () => make({ttlMs: 0}), 'UNAUTHENTICATED', 'expired'],
  ['one of another kind', () => make({role: 'fusion'}), 'FORBIDDEN', 'for nodes of the kind fusion'],
  ['one for another node', () => make({node: 'node-b'}), 'FORBIDDEN', 'for the agent node-b'],
])('%s does not enrol', async (_, makeToken, code, message) => {
  await expect(enrol(await makeToken())).rejects.toMatchObject({code, message: expect.stringContaining(message)});
  expect(identities.list()).toEqual([]);
});

test('an enrolment token that is revoked enrols nobody, and who has enrolled with it stays', async () => {
  const enrolment = await make({uses: 2});
  const {token} = await enrol(enrolment);
  await enrolTokens.revoke('t0');
  await expect(enrol(enrolment, {id: 'node-b'})).rejects.toMatchObject({code: 'UNAUTHENTICATED'});
  expect(counts(token)).toBe(true);
});

test.each([
  ['no key', 'x'],
  ['a private key', generateKeyPairSync('ed25519').privateKey.export({type: 'pkcs8', format: 'pem'}).toString()],
  [
    'a key that cannot be had on a curve',
    generateKeyPairSync('rsa', {modulusLength: 2_048}).publicKey.export({type: 'spki', format: 'pem'}).toString(),
  ],
])('%s is refused as the own key, and costs nothing', async (_, key) => {
  const token = await make();
  await expect(enrol(token, {key})).rejects.toMatchObject({code: 'BAD_REQUEST'});
  expect(usesLeft()).toEqual([1]);
});

test('many that enrol together use a token as often as it may be', async () => {
  const token = await make({uses: 3});
  const ended = await Promise.allSettled(
    Array.from({length: 6}, (_, i) => enrol(token, {id: `node-${i}`, key: keyPem()})),
  );
  expect(ended.map(({status}) => status).sort()).toEqual([...Array(3).fill('fulfilled'), ...Array(3).fill('rejected')]);
  expect([usesLeft(), identities.list().length]).toEqual([[0], 3]);
});

test('after a restart the tokens that counted count', async () => {
  const token = await make({uses: 2});
  const {token: kept} = await enrol(token);
  const {token: revoked} = await enrol(token, {id: 'node-b'});
  await identities.revoke({kind: 'agent', id: 'node-b'}, 'admin');
  identities = new Identities({store, clock, log: quietLog, certifier: undefined});
  expect([counts(kept), counts(revoked)]).toEqual([true, false]);
  expect(identities.find(tokenHash(kept))!.key).toMatchObject({name: 'agent/node-a', role: 'agent', node: agent});
});
