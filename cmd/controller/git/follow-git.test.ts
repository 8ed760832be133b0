import {execFileSync} from 'node:child_process';
import {existsSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {beforeEach, expect, onTestFinished, test} from 'vitest';
import type {GitConfig} from '../../../core/config/schema.ts';
import {GitFollower} from '../../../core/git/git-follower.ts';
import type {Log} from '../../../core/log/log.ts';
import {GitServer, gitEnv} from '../../../test/lib/git-server.ts';
import {ManualClock} from '../../../test/lib/manual-clock.ts';
import {MemoryDesired} from '../../../test/lib/memory-desired.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {until} from '../../../test/lib/until.ts';
import {BareRepository} from './bare-repository.ts';
import {takeApart} from './git-url.ts';

let folder: string;
let server: GitServer;
let desired: MemoryDesired;
let clock: ManualClock;
let logged: string[];

beforeEach(() => {
  const temporary = temporaryFolder();
  onTestFinished(temporary.remove);
  folder = temporary.path;
  server = new GitServer(folder);
  desired = new MemoryDesired();
  clock = new ManualClock();
  logged = [];
});

/** Follows until the test is over, or `end` is called. */
function follow(more: Partial<GitConfig> = {}, env: NodeJS.ProcessEnv = {}) {
  const settings: GitConfig = {
    ...{url: server.path, branch: 'main', path: '', intervalMs: 30_000, timeoutMs: 20_000},
    ...{takesSignedOnly: false, allowedSigners: undefined, webhookSecret: undefined},
    ...more,
  };
  const note = (facts: object, message: string) => void logged.push(`${message} ${JSON.stringify(facts)}`);
  const log: Log = {debug: note, info: note, warn: note, error: note, child: () => log};
  const repository = new BareRepository(settings, {directory: join(folder, 'copy'), env: {...gitEnv, ...env}});
  const shown = {...settings, url: takeApart(settings.url).shown};
  const follower = new GitFollower(shown, {repository, desired, clock, random: () => 0.5, log});
  const stop = new AbortController();
  const running = follower.run(stop.signal);
  const end = async () => {
    stop.abort();
    await running;
  };
  onTestFinished(end);
  const sync = (acceptsRewrite = false) => follower.sync({acceptsRewrite});
  return {follower, sync, end, state: () => follower.state()};
}

const filesInForce = () => Object.fromEntries(desired.current().files);

test('what is pushed is in force after a sync, as a revision of whoever made the commit', async () => {
  const first = server.publish({'site/a.yaml': ''});
  const {sync, state} = follow({path: 'site'});
  expect(await sync()).toMatchObject({commit: first, revision: 1});
  const commit = server.publish(
    {'site/a.yaml': 'a: 1', 'site/nodes/b.yml': 'b: 1', 'site/README': '', 'site/.ci/x.yaml': '', 'c.yaml': ''},
    'Begin\n\nAll of it.',
  );
  expect(await sync()).toEqual({
    ...{commit, revision: 2, isNew: true, problems: [], changed: [{kind: 'agent', id: 'node-a'}]},
  });
  expect(filesInForce()).toEqual({'a.yaml': 'a: 1', 'nodes/b.yml': 'b: 1'});
  expect(desired.revisions[2]).toMatchObject({
    ...{commit, author: 'Ada <ada@example.org>', message: 'Begin\n\nAll of it.'},
  });
  expect(state()).toMatchObject({commit, head: commit, state: 'ok', reason: null, branch: 'main', url: server.path});

  server.publish({'site/nodes/b.yml': null});
  expect(await sync()).toMatchObject({revision: 3, isNew: true});
  expect(filesInForce()).toEqual({'a.yaml': 'a: 1'});
  expect(await sync()).toMatchObject({revision: 3, isNew: false, changed: []});
  expect(desired.offers).toBe(3);
});

test('it asks by itself in each interval, and later and later what does not answer', async () => {
  server.publish({'a.yaml': '1'});
  const {state} = follow();
  const asked = async () => {
    const nextAt = await until(() => state().next_at);
    return Date.parse(nextAt) - clock.now();
  };
  expect(await asked()).toBe(30_000);
  const commit = server.publish({'a.yaml': '2'});
  await clock.pass(30_000);
  await until(() => state().commit === commit);
  await asked();
  renameSync(server.path, `${server.path}-away`);
  const waits: number[] = [];
  for (let i = 0; i < 4; i++) {
    const before = state().checked_at;
    await clock.pass(Date.parse(state().next_at!) - clock.now());
    await until(() => state().checked_at !== before && state().next_at !== null);
    waits.push(await asked());
  }
  expect(waits).toEqual([37_500, 67_500, 127_500, 247_500]);
});

test('while Git is away, what is in force stays, and why and since when is told', async () => {
  const commit = server.publish({'a.yaml': '1'});
  const {sync, state} = follow();
  await sync();
  renameSync(server.path, `${server.path}-away`);
  clock.wallMs += 60_000;
  const since = new Date(clock.now()).toISOString();
  await expect(sync()).rejects.toMatchObject({
    code: 'GIT_FAILED',
    message: expect.stringContaining('not appear to be'),
  });
  clock.wallMs += 60_000;
  await expect(sync()).rejects.toThrow();
  expect(state()).toMatchObject({
    state: 'failing',
    since,
    commit,
    reason: expect.stringContaining('"git fetch" failed'),
  });
  expect(filesInForce()).toEqual({'a.yaml': '1'});
  renameSync(`${server.path}-away`, server.path);
  expect(await sync()).toMatchObject({isNew: false});
  expect(state()).toMatchObject({state: 'ok', reason: null});
});

test('a history that was rewritten is not taken, until somebody says so', async () => {
  const first = server.publish({'a.yaml': '1'});
  const {sync, state, end} = follow();
  await sync();
  server.publish({'a.yaml': '2'});
  await sync();
  server.git('reset', '--quiet', '--hard', first);
  server.push('--force');
  await expect(sync()).rejects.toThrow('The history was rewritten');
  await end();
  rmSync(join(folder, 'copy'), {recursive: true});
  const again = follow();
  await expect(again.sync()).rejects.toMatchObject({hint: expect.stringContaining('accept_rewrite')});
  const third = server.publish({'a.yaml': '3'});
  await expect(again.sync()).rejects.toThrow('The history was rewritten');
  expect(filesInForce()).toEqual({'a.yaml': '2'});
  expect(again.state()).toMatchObject({state: 'failing', head: third});
  expect(await again.sync(true)).toMatchObject({isNew: true, commit: third});
  expect(await again.sync()).toMatchObject({isNew: false, commit: third});
  expect(state().commit).not.toBe(third);
});

test('an empty tree, a folder or a branch that is not there change nothing', async () => {
  server.publish({'a.yaml': '1', 'README.md': 'x'});
  const {sync} = follow();
  await sync();
  server.publish({'a.yaml': null});
  await expect(sync()).rejects.toThrow('There is no .yaml or .yml file in the commit');
  expect(filesInForce()).toEqual({'a.yaml': '1'});
  await expect(follow({path: 'site'}).sync()).rejects.toThrow('has no folder "site"');
  await expect(follow({branch: 'prod'}).sync()).rejects.toThrow("couldn't find remote ref refs/heads/prod");
});

test('a file with a mistake stays as it was; the others count, and the state says what is not used', async () => {
  server.publish({'a.yaml': '1', 'b.yaml': '1'});
  const {sync, state} = follow();
  await sync();
  const commit = server.publish({'a.yaml': 'mistake', 'b.yaml': '2'});
  expect(await sync()).toMatchObject({isNew: true, problems: [{file: 'a.yaml'}]});
  expect(filesInForce()).toEqual({'a.yaml': '1', 'b.yaml': '2'});
  await sync();
  expect(state()).toMatchObject({
    ...{state: 'failing', commit, reason: 'A file is not used: a.yaml:1:1  a mistake', problems: [{file: 'a.yaml'}]},
  });
  server.publish({'broken.yaml': ''});
  await expect(sync()).rejects.toMatchObject({code: 'CONFIG_INVALID'});
  expect(state().commit).toBe(commit);
});

test('links, submodules, files too large and names or contents that are no text are told, and delete nothing', async () => {
  server.publish({'a.yaml': '1', 'big.yaml': '1', 'bytes.yaml': '1'});
  const {sync} = follow();
  await sync();
  const inner = new GitServer(join(folder, 'clone'));
  inner.publish({'inner.yaml': 'x'});
  server.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', '--force', inner.path, 'sub');
  rmSync(inner.path, {recursive: true});
  rmSync(inner.clone, {recursive: true});
  writeFileSync(Buffer.concat([Buffer.from(`${server.clone}/caf`), Buffer.from([0xe9]), Buffer.from('.yaml')]), 'x');
  server.publish({
    ...{'a.yaml': {link: '/etc/passwd'}, 'big.yaml': Buffer.alloc(2 ** 20 + 1, '#'), 'new.yaml': 'n'},
    ...{'bytes.yaml': Buffer.from([0xff, 0xfe])},
  });
  const {problems} = await sync();
  expect(problems.map(({message}) => message)).toEqual([
    'a.yaml: it is a symbolic link, which is not followed',
    'big.yaml: it has 1048577 bytes, more than 1048576',
    'caf\ufffd.yaml: its name is not UTF-8',
    'sub: it is a submodule, whose files are not read',
    'bytes.yaml: it is not a text in UTF-8',
  ]);
  expect(filesInForce()).toEqual({'a.yaml': '1', 'big.yaml': '1', 'bytes.yaml': '1', 'new.yaml': 'n'});
});

test('a restart brings nothing that is not new, and a pin outlives it until it is released', async () => {
  server.publish({'a.yaml': '1'});
  const one = follow();
  await one.sync();
  const second = server.publish({'a.yaml': '2'});
  await one.sync();
  await one.end();
  const two = follow();
  expect(await two.sync()).toMatchObject({isNew: false, revision: 2});
  desired.rollback(1);
  const third = server.publish({'a.yaml': '3'});
  expect(await two.sync()).toMatchObject({isNew: false});
  const {length} = desired.revisions;
  await two.sync();
  await two.end();
  const three = follow();
  expect(three.state().commit).not.toBe(second);
  expect(await three.sync()).toMatchObject({isNew: false, commit: third});
  expect(desired.revisions).toHaveLength(length);
  expect(filesInForce()).toEqual({'a.yaml': '1'});
  desired.release();
  expect(await three.sync()).toMatchObject({isNew: true});
  expect(filesInForce()).toEqual({'a.yaml': '3'});
});

test('a git that hangs is ended with all that it started, and what is left of it is in nobody’s way', async () => {
  server.publish({'a.yaml': '1'});
  const pidFile = join(folder, 'pid');
  const ssh = join(folder, 'ssh');
  writeFileSync(ssh, `#!/bin/sh\nsleep 1000 &\necho $! > ${pidFile}\nwait\n`, {mode: 0o755});
  const {sync, end} = follow({url: 'git@nowhere.invalid:a.git', timeoutMs: 500}, {GIT_SSH_COMMAND: ssh});
  await expect(sync()).rejects.toThrow('"git fetch" was ended: it took longer than 0.5 s.');
  const hung = Number(readFileSync(pidFile, 'utf8'));
  await until(() => !existsSync(`/proc/${hung}`) || readFileSync(`/proc/${hung}/stat`, 'utf8').includes(') Z '));
  await end();
  writeFileSync(join(folder, 'copy/refs/fustor-left.lock'), '');
  writeFileSync(join(folder, 'copy/HEAD.lock'), '');
  expect(await follow().sync()).toMatchObject({revision: 1});
});

test('a controller that ends does not wait for a git that hangs', async () => {
  const {sync, end} = follow({url: 'git@nowhere.invalid:a.git'}, {GIT_SSH_COMMAND: 'sleep 1000; :'});
  const waiting = expect(sync()).rejects.toMatchObject({code: 'GIT_FAILED'});
  await until(() => existsSync(join(folder, 'copy/HEAD')));
  await end();
  await waiting;
});

test('without git on the host the reason says so', async () => {
  const {sync, state} = follow({}, {PATH: '/nonexistent'});
  await expect(sync()).rejects.toMatchObject({hint: expect.stringContaining('Install it')});
  expect(state().reason).toContain('The program git is not on this host');
});

test('a copy that is damaged is made anew', async () => {
  const commit = server.publish({'a.yaml': '1'});
  const {sync, end} = follow();
  await sync();
  await end();
  for (const name of ['fetched', 'accepted']) writeFileSync(join(folder, 'copy/refs/fustor', name), 'rubbish\n');
  rmSync(join(folder, 'copy/objects'), {recursive: true});
  const again = follow();
  await again.sync().catch(() => {});
  expect(await again.sync()).toMatchObject({isNew: false, commit});
});

test('only signed commits count, where it is asked for', async () => {
  const keygen = (name: string) => {
    const file = join(folder, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
    return file;
  };
  const [known, stranger] = [keygen('known'), keygen('stranger')];
  const allowedSigners = join(folder, 'signers');
  writeFileSync(allowedSigners, `ada@example.org ${readFileSync(`${known}.pub`, 'utf8')}`);
  server.git('config', 'gpg.format', 'ssh');
  const publish = (content: string, key: string | undefined) => {
    server.write({'a.yaml': content});
    server.git('config', 'user.signingKey', key ?? '');
    const commit = server.commit('Signed?', key === undefined ? '--no-gpg-sign' : '--gpg-sign');
    server.push();
    return commit;
  };
  const {sync, state} = follow({takesSignedOnly: true, allowedSigners});
  const first = publish('1', known);
  expect(await sync()).toMatchObject({revision: 1, commit: first});
  publish('2', undefined);
  await expect(sync()).rejects.toThrow('is not signed as it must be: it has no signature.');
  publish('3', stranger);
  await expect(sync()).rejects.toThrow('is not signed as it must be: ');
  expect(filesInForce()).toEqual({'a.yaml': '1'});
  expect(state()).toMatchObject({state: 'failing', commit: first});
  publish('4', known);
  expect(await sync()).toMatchObject({isNew: true});
});
