import {createHmac} from 'node:crypto';
import {beforeEach, expect, onTestFinished, test} from 'vitest';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {GitFollower} from '../../../core/git/git-follower.ts';
import type {GitRepository} from '../../../core/git/git-repository.ts';
import type {Log} from '../../../core/log/log.ts';
import {controllerParts} from '../../../test/lib/controller-parts.ts';
import {MemoryDesired} from '../../../test/lib/memory-desired.ts';
import {until} from '../../../test/lib/until.ts';
import {systemClock} from '../../system-clock.ts';
import {type ControllerApp, createControllerApp} from '../app.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const webhookSecret = 'a-secret-of-both';

/** A history of one commit after the other, or another history. */
class MemoryRepository implements GitRepository {
  head = 'c1';
  fetches = 0;
  #accepted: string | undefined;

  async fetch(): Promise<string> {
    this.fetches++;
    if (this.head === '') throw new FustorError('GIT_FAILED', 'It cannot be reached.');
    return this.head;
  }
  accepted = async () => this.#accepted;
  accept = async (commit: string) => {
    this.#accepted = commit;
  };
  descends = async (commit: string, ancestor: string) => commit > ancestor;
  verify = async () => {};
  read = async (commit: string) => ({author: 'a', message: 'm', files: new Map([['a.yaml', commit]]), problems: []});
}

let repository: MemoryRepository;
beforeEach(() => {
  repository = new MemoryRepository();
});

async function createApp({hasGit = true, hasWebhook = true} = {}): Promise<ControllerApp> {
  const settings = {url: 'u', branch: 'main', intervalMs: 3_600_000, takesSignedOnly: false};
  const parts = {repository, desired: new MemoryDesired(), clock: systemClock, random: Math.random, log};
  const follower = new GitFollower(settings, parts);
  const stop = new AbortController();
  const running = follower.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  return createControllerApp({
    ...(await controllerParts({leaving: stop.signal})),
    git: hasGit ? {follower, webhookSecret: hasWebhook ? webhookSecret : undefined} : undefined,
  });
}

async function post(app: ControllerApp, path: string, {headers = {}, body}: {headers?: object; body?: string} = {}) {
  const response = await app.request(`/api/v1/git/${path}`, {
    method: 'POST',
    headers: {...headers},
    body: body ?? null,
  });
  return {status: response.status, body: JSON.parse(await response.text())};
}
const operator = {authorization: 'Bearer key-of-operator'};

test('a sync waits for its outcome: what is in force, or why it is not', async () => {
  const app = await createApp();
  expect(await post(app, 'sync', {headers: operator})).toMatchObject({status: 200, body: {data: {revision: 1}}});
  repository.head = 'c2';
  expect(await post(app, 'sync', {headers: operator, body: '{}'})).toEqual({
    status: 200,
    body: {data: {commit: 'c2', revision: 2, is_new: true, problems: [], changed: [{kind: 'agent', id: 'node-a'}]}},
  });
  repository.head = 'c1';
  expect(await post(app, 'sync', {headers: operator})).toMatchObject({
    ...{status: 502, body: {error: {code: 'GIT_FAILED', details: {head: 'c1', accepted: 'c2'}}}},
  });
  const order = {headers: operator, body: '{"accept_rewrite": true}'};
  expect(await post(app, 'sync', order)).toMatchObject({status: 200, body: {data: {commit: 'c1', is_new: true}}});
  repository.head = '';
  expect(await post(app, 'sync', order)).toMatchObject({status: 502});
});

test('operators sync, readers and strangers do not, and a body that is not meant is refused', async () => {
  const app = await createApp();
  expect(await post(app, 'sync', {headers: {authorization: 'Bearer key-of-reader'}})).toMatchObject({status: 403});
  expect(await post(app, 'sync')).toMatchObject({status: 401});
  expect(await post(app, 'sync', {headers: operator, body: '{"accept": true}'})).toMatchObject({status: 400});
});

test.each([
  ['X-Gitlab-Token', webhookSecret, 202],
  ['X-Gitlab-Token', 'a-secret-of-none', 401],
  ['X-Hub-Signature-256', `sha256=${createHmac('sha256', webhookSecret).update('{"a":1}').digest('hex')}`, 202],
  ['X-Hub-Signature-256', `sha256=${createHmac('sha256', webhookSecret).update('{"a":2}').digest('hex')}`, 401],
  ['X-Hub-Signature-256', 'sha256=', 401],
  ['Authorization', 'Bearer key-of-operator', 401],
])('a webhook with %s: %s is %i', async (name, value, status) => {
  const app = await createApp();
  await until(() => repository.fetches === 1);
  expect(await post(app, 'webhook', {headers: {[name]: value}, body: '{"a":1}'})).toMatchObject({status});
  if (status === 202) await until(() => repository.fetches === 2);
  await post(app, 'sync', {headers: operator});
  expect(repository.fetches).toBe(status === 202 ? 3 : 2);
});

test('without Git or without a secret there is nothing to sync and no webhook', async () => {
  const headers = {'x-gitlab-token': webhookSecret};
  expect(await post(await createApp({hasGit: false}), 'sync', {headers: operator})).toMatchObject({
    ...{status: 409, body: {error: {code: 'NOT_THE_AUTHORITY'}}},
  });
  expect(await post(await createApp({hasGit: false}), 'webhook', {headers})).toMatchObject({status: 404});
  expect(await post(await createApp({hasWebhook: false}), 'webhook', {headers})).toMatchObject({status: 404});
});
