import {execFile, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {describe, expect, type TestContext, test} from 'vitest';
import type {Settled} from '../../core/query/settled.ts';
import {mountsMissing} from '../lib/client-mount.ts';
import {openSharedSite, type SharedSite} from '../lib/shared-site.ts';
import {until} from '../lib/until.ts';

const fustorctl = join(import.meta.dirname, '../../dist/fustorctl');
const view = {session_timeout: '10s', hot_file_threshold: '1s', cache_window: '1s'};
const window = '2s';

/** A shell script that says when it has written for the last time: the time of that, in seconds. */
const writer = `
  mkdir -p "$0"; exec 3>"$0/open"; echo begin >&3
  for i in $(seq 30); do echo $i >"$0/part-$i"; echo more >&3; sleep 0.05; done
  mv "$0/part-1" "$0/first"; rm "$0/part-2"
  sleep 4; echo end >&3; exec 3>&-; mv "$0/open" "$0/whole"; date +%s.%N
`;

async function settledOf(site: SharedSite, path: string): Promise<Settled> {
  const {text} = await site.get(`/api/v1/fs/stat?path=${path}&settled=${window}`);
  return JSON.parse(text).meta.settled;
}

type Waited = {exit: number; at: number; data: {met: boolean; missing: string[]; settled: Settled}; err: string};

/** `fustorctl wait`, ended with the test. */
function wait({onTestFinished}: TestContext, site: SharedSite, path: string, ...flags: string[]): Promise<Waited> {
  return new Promise(resolve => {
    const args = ['wait', '--settled', window, path, '-o', 'json', ...flags];
    const child = execFile(fustorctl, args, {env: environment(site)}, (_, out, err) => {
      const {data} = JSON.parse(out || '{}');
      resolve({exit: child.exitCode ?? -1, at: Date.now(), data, err});
    });
    onTestFinished(() => void child.kill());
  });
}

function environment(site: SharedSite): NodeJS.ProcessEnv {
  return {...process.env, FUSTOR_ENDPOINT: site.url, FUSTOR_KEY: 'key-of-the-scripts'};
}

/** Has the leader read all of it, and waits for that. */
async function scan(site: SharedSite, path: string): Promise<void> {
  await promisify(execFile)(fustorctl, ['scan', path, '--wait'], {env: environment(site)});
}

function passed(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

describe.skipIf(mountsMissing !== undefined)('waiting for a data set', {concurrent: true, timeout: 120_000}, () => {
  test('it is settled only when its writer has closed, renamed and deleted for the last time', async context => {
    const site = await openSharedSite(context, {view});
    const {path} = await site.mount();
    mkdirSync(join(site.directory, 'other'));
    await site.addAgent('agent-a', {path});
    await site.live();
    const waited = wait(context, site, '/set', '--timeout', '60s');
    const script = spawn('/bin/sh', ['-c', writer, join(path, 'set')], {stdio: ['ignore', 'pipe', 'inherit']});
    let told = '';
    script.stdout.on('data', text => (told += text));
    await until(async () => (await settledOf(site, '/set')).cause === 'suspects', {everyMs: 100, what: 'an open file'});
    // Another directory has nothing to do with it.
    await until(async () => (await settledOf(site, '/other')).is_settled, {everyMs: 100, what: 'the other directory'});
    expect(script.exitCode, 'it still writes').toBeNull();
    expect((await settledOf(site, '/set')).is_settled).toBe(false);
    if (script.exitCode === null) await once(script, 'exit');
    const {exit, at, data} = await waited;
    expect({exit, met: data.met}).toEqual({exit: 0, met: true});
    expect(at).toBeGreaterThan(Number(told) * 1_000 + 2_000);
    expect(await site.has('/set/whole')).toBe(true);

    rmSync(join(path, 'set/first'));
    await until(async () => !(await site.has('/set/first')), {everyMs: 100, what: 'the deletion'});
    expect(await settledOf(site, '/set')).toMatchObject({is_settled: false, cause: 'recent_write'});
    expect((await wait(context, site, '/set')).exit).toBe(0);
    renameSync(join(path, 'set/whole'), join(path, 'other/whole'));
    await until(() => site.has('/other/whole'), {everyMs: 100, what: 'the rename'});
    for (const place of ['/set', '/other']) {
      expect(await settledOf(site, place), place).toMatchObject({is_settled: false, cause: 'recent_write'});
    }
  });

  test('while nobody watches nothing is settled, and the reason says who is missing', async context => {
    const site = await openSharedSite(context, {view: {...view, session_timeout: '3s'}});
    const {path} = await site.mount();
    mkdirSync(join(path, 'set'));
    await site.addAgent('agent-a', {path});
    await site.live();
    writeFileSync(join(path, 'set/f'), 'x');
    await until(() => site.has('/set/f'), {everyMs: 100, what: 'the file'});
    await site.kill('agent-a');
    const waited = wait(context, site, '/set', '--timeout', '6s');
    const {exit, data} = await waited;
    expect(exit).toBe(6);
    expect(data.missing.join()).toMatch(/^No agent feeds the view since 20.*: that nothing is seen proves nothing\.$/);
    const {status, text} = await site.get(`/api/v1/fs/tree?path=/set&settled=${window}&require=complete,settled`);
    expect({status, code: JSON.parse(text).error.code}).toEqual({status: 412, code: 'REQUIREMENT_UNMET'});

    // What was done meanwhile is read by the agent that is started again.
    writeFileSync(join(path, 'set/g'), 'x');
    const again = wait(context, site, '/set', '--timeout', '60s');
    site.run('agent-a');
    expect((await again).exit).toBe(0);
    expect(await site.has('/set/g')).toBe(true);
    expect((await site.get(`/api/v1/fs/tree?path=/set&settled=${window}&require=complete,settled`)).status).toBe(200);
  });

  test('a wait goes on through kill -9 of the whole fusion', async context => {
    const site = await openSharedSite(context, {view});
    const {path} = await site.mount();
    mkdirSync(join(path, 'set'));
    await site.addAgent('agent-a', {path});
    await site.live();
    const file = join(path, 'set/f');
    writeFileSync(file, 'x');
    const rewrite = setInterval(() => writeFileSync(file, 'x'), 300);
    context.onTestFinished(() => clearInterval(rewrite));
    const waited = wait(context, site, '/set', '--timeout', '60s');
    const isOver = waited.then(() => true);
    await until(() => site.has('/set/f'), {everyMs: 100, what: 'the file'});
    await site.kill('fusion');
    await passed(1_500); // longer than one request is tried again for
    await site.startFusion();
    await until(async () => (await site.status()).meta.sync === 'live', {everyMs: 100, what: 'a live view'});
    expect(await Promise.race([isOver, false])).toBe(false);
    clearInterval(rewrite);
    const endedAt = Date.now();
    const {exit, at, err, data} = await waited;
    expect({exit, err, missing: data.missing}).toEqual({exit: 0, err: '', missing: []});
    expect(at).toBeGreaterThan(endedAt + 1_700);
  });

  test('what the host of a follower writes counts, also when its agent is killed', async context => {
    const site = await openSharedSite(context, {view: {...view, session_timeout: '3s'}});
    const {path} = await site.mount();
    const {path: other} = await site.mount();
    mkdirSync(join(site.directory, 'set'));
    await site.addAgent('agent-a', {path});
    await site.live();
    await site.addAgent('agent-b', {path: other});
    const isWatched = async () => (await site.agent('agent-b'))?.watched === 2;
    await until(isWatched, {everyMs: 100, what: 'watches of the follower'});
    await until(async () => (await settledOf(site, '/set')).is_settled, {everyMs: 100, what: 'a quiet directory'});
    writeFileSync(join(other, 'set/f'), 'x');
    await until(() => site.has('/set/f'), {everyMs: 100, what: 'the file'});
    expect(await settledOf(site, '/set')).toMatchObject({is_settled: false, cause: 'recent_write'});
    expect((await wait(context, site, '/set', '--timeout', '60s')).exit).toBe(0);

    writeFileSync(join(other, 'set/g'), 'x');
    await until(() => site.has('/set/g'), {everyMs: 100, what: 'the next file'});
    await site.kill('agent-b');
    const silent = async () =>
      (await settledOf(site, '/set')).cause === 'silent_agent' ? settledOf(site, '/set') : undefined;
    const {reason} = await until(silent, {everyMs: 100, what: 'a host that nobody watches'});
    expect(reason).toMatch(/^agent-b is not heard any more: .*fustorctl scan PATH/);
    const isSettledByScan = async () => {
      await scan(site, '/set');
      return (await settledOf(site, '/set')).is_settled;
    };
    await until(isSettledByScan, {everyMs: 100, what: 'a scan that proves it'});
  });

  test('what a host without an agent writes counts from when a scan has found it', async context => {
    const site = await openSharedSite(context, {view});
    const {path} = await site.mount();
    mkdirSync(join(site.directory, 'set'));
    await site.addAgent('agent-a', {path});
    await site.live();
    await until(async () => (await settledOf(site, '/set')).is_settled, {everyMs: 100, what: 'a quiet directory'});
    writeFileSync(join(site.directory, 'set/f'), 'x');
    const writtenAt = new Date().toISOString();
    const unseen = await settledOf(site, '/set');
    expect(unseen.looked_at! < writtenAt, 'it says that nobody has looked since').toBe(true);
    await scan(site, '/set');
    const {is_settled, looked_at} = await settledOf(site, '/set');
    expect({is_settled, isLooked: looked_at! > writtenAt}).toEqual({is_settled: false, isLooked: true});
    expect((await wait(context, site, '/set', '--timeout', '60s')).exit).toBe(0);
  });
});
