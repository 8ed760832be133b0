import {mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, expect, type TestContext, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {makeTree} from '../lib/make-tree.ts';
import {Prng} from '../lib/prng.ts';
import {openSharedSite} from '../lib/shared-site.ts';
import {Site} from '../lib/site.ts';
import {storm} from '../lib/storm.ts';
import {difference, linesOfFind, linesOfTree} from '../lib/tree-lines.ts';
import {until} from '../lib/until.ts';

type Meta = {sync_point: {is_reached: boolean; reason?: string; message?: string; seq?: number}; seq: number};

async function read(site: Site, path: string): Promise<{status: number; data: Record<string, unknown>; meta: Meta}> {
  const {status, text} = await site.get(path);
  return {status, ...JSON.parse(text)};
}

/** Until the first reading is over there is no sync point. */
async function open({onTestFinished}: TestContext, files = 500): Promise<Site> {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-sync-'));
  onTestFinished(() => rmSync(directory, {recursive: true, force: true}));
  makeTree(directory, files);
  const site = await new Site(directory).start();
  onTestFinished(() => site.dispose());
  await reached(site);
  return site;
}

async function reached(site: Site): Promise<void> {
  const isReached = async () => (await read(site, '/api/v1/fs/stat?sync=true')).meta.sync_point.is_reached;
  await until(isReached, {what: 'a sync point', timeoutMs: 60_000});
}

/** So many times: some random changes through a mount, and at once everything is read and compared, times too. */
async function expectNothingMissed(site: Site, mount: string, rounds: number): Promise<void> {
  const random = new Prng(7);
  for (let round = 0; round < rounds; round++) {
    storm(mount, round, 1 + random.below(8));
    const {text} = await site.get('/api/v1/fs/tree?recursive=true&sync=true&sync_timeout=30000');
    const {lines, meta} = linesOfTree(text);
    expect(meta.sync_point).toEqual({is_reached: true, seq: expect.any(Number)});
    expect({round, ...difference(lines, await linesOfFind(mount))}).toMatchObject({round, count: 0});
  }
}

describe.concurrent('a read with sync=true', () => {
  test('has every change that was made just before, 500 times over', {timeout: 400_000}, async context => {
    const site = await open(context);
    await expectNothingMissed(site, site.directory, 500);
  });

  test.skipIf(mountsMissing !== undefined)(
    "has every change made through the leader's mount, where several hosts mount the storage",
    {timeout: 400_000},
    async context => {
      const site = await openSharedSite(context, {view: {session_timeout: '30s'}});
      makeTree(site.directory, 300);
      const leader = await site.mount();
      await site.addAgent('agent-a', {path: leader.path, pipe: {audit_interval: '2s'}});
      await site.live();
      await site.addAgent('agent-b', {path: (await site.mount()).path});
      await reached(site);
      await expectNothingMissed(site, leader.path, 120);
    },
  );

  test('sees a file, a deep directory with a file, a renamed and a removed one, by each request', async context => {
    const site = await open(context);
    const at = (path: string) => join(site.directory, path);
    const found = async (path: string) => {
      const {status, meta} = await read(site, `/api/v1/fs/stat?path=${path}&sync=true`);
      expect(meta.sync_point).toMatchObject({is_reached: true});
      expect(meta.seq).toBeGreaterThanOrEqual(meta.sync_point.seq!);
      return status === 200;
    };
    for (let i = 0; i < 50; i++) {
      mkdirSync(at(`deep-${i}/a/b/c/d`), {recursive: true});
      writeFileSync(at(`deep-${i}/a/b/c/d/file`), 'x');
      expect(await found(`/deep-${i}/a/b/c/d/file`)).toBe(true);
      renameSync(at(`deep-${i}/a`), at(`moved-${i}`));
      expect(await found(`/moved-${i}/b/c/d/file`)).toBe(true);
      expect(await found(`/deep-${i}/a/b/c/d/file`)).toBe(false);
      rmSync(at(`moved-${i}`), {recursive: true});
      expect(await found(`/moved-${i}`)).toBe(false);
    }
    mkdirSync(at('counted'));
    for (let i = 0; i < 5; i++) {
      writeFileSync(at(`counted/${i}`), 'xyz');
      expect((await read(site, '/api/v1/fs/stats?path=/counted&sync=true')).data).toMatchObject({files: i + 1});
      expect((await read(site, `/api/v1/fs/search?path=/counted&pattern=${i}&sync=true`)).data).toHaveLength(1);
      const {data} = await read(site, '/api/v1/fs/changes?path=/counted&sync=true');
      expect(data).toContainEqual(expect.objectContaining({path: `/counted/${i}`}));
    }
  });

  test('has a burst of 5,000 files, for many readers at once, and while changes go on', async context => {
    const site = await open(context);
    for (let i = 0; i < 5_000; i++) {
      if (i % 50 === 0) mkdirSync(join(site.directory, `burst/${i / 50}`), {recursive: true});
      writeFileSync(join(site.directory, `burst/${Math.floor(i / 50)}/${i}`), 'x');
    }
    const question = '/api/v1/fs/stats?path=/burst&sync=true&sync_timeout=60000';
    const first = await read(site, question);
    expect(first).toMatchObject({data: {files: 5_000}, meta: {sync_point: {is_reached: true}}});
    let made = 0;
    const timer = setInterval(() => writeFileSync(join(site.directory, `burst/0/more-${made++}`), 'x'), 1);
    try {
      const answers = await Promise.all(
        Array.from({length: 300}, async () => {
          await new Promise(resolve => setTimeout(resolve, Math.random() * 500));
          const before = made;
          const {data, meta} = await read(site, question);
          return {isReached: meta.sync_point.is_reached, missing: Math.max(0, 5_000 + before - Number(data.files))};
        }),
      );
      expect(answers).toEqual(answers.map(() => ({isReached: true, missing: 0})));
    } finally {
      clearInterval(timer);
    }
  });

  test('answers in time and says why when the agent stands still, is killed, or never was', async context => {
    const site = await open(context);
    const question = '/api/v1/fs/tree?sync=true&sync_timeout=300';
    // With the shell, which would replace a payload that stands still.
    const agent = site.pids('agent');
    for (const pid of agent) process.kill(pid, 'SIGSTOP');
    const stopped = await read(site, question);
    for (const pid of agent) process.kill(pid, 'SIGCONT');
    expect(stopped).toMatchObject({status: 200, meta: {sync_point: {is_reached: false, reason: 'timed_out'}}});
    await reached(site);

    process.kill(site.partPid('agent', 'payload-site'), 'SIGKILL');
    writeFileSync(join(site.directory, 'while the payload was away'), 'x');
    await reached(site);
    expect((await read(site, '/api/v1/fs/stat?path=/while%20the%20payload%20was%20away')).status).toBe(200);

    const engine = site.partPid('fusion', 'engine-site');
    process.kill(engine, 'SIGKILL');
    const {meta} = await read(site, question);
    if (!meta.sync_point.is_reached) expect(['no_engine', 'timed_out']).toContain(meta.sync_point.reason);
    await reached(site);

    await site.kill('agent');
    const killed = await read(site, question);
    expect(killed).toMatchObject({status: 200, meta: {sync_point: {is_reached: false}}});
    expect(['timed_out', 'no_leader']).toContain(killed.meta.sync_point.reason);
    expect(
      (await read(site, '/api/v1/fs/tree?path=/not-there&sync=true&sync_timeout=0')).meta.sync_point,
    ).toMatchObject({
      is_reached: false,
    });
    expect((await site.get('/api/v1/fs/tree?sync=true&sync_timeout=60001')).status).toBe(400);

    const alone = new Site(site.directory);
    context.onTestFinished(() => alone.dispose());
    await alone.prepare();
    await alone.startFusion();
    const reason = async () => (await read(alone, question)).meta.sync_point.reason;
    await until(async () => (await reason()) !== 'no_engine'); // a gateway answers before the engine does
    expect(await reason()).toBe('no_leader');
  });
});
