import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {makeTree} from '../lib/make-tree.ts';
import {Site} from '../lib/site.ts';
import {until} from '../lib/until.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function siteOnTree(files: number): Promise<Site> {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-tree-'));
  cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
  makeTree(directory, files);
  const site = new Site(directory);
  cleanups.push(() => site.dispose());
  return site.start();
}

test('fusion killed with -9 five times under load: the first answer is the tree, the session goes on, nothing is lost', async () => {
  const site = await siteOnTree(20_000);
  await site.live();
  const before = await site.status();
  const script = join(import.meta.dirname, '../lib/storm.ts');
  const storm = spawn(process.execPath, [script, site.directory, '3', '60000'], {stdio: 'inherit'});
  cleanups.push(() => storm.kill('SIGKILL'));
  for (let round = 0; round < 5; round++) {
    const {seq} = (await site.status()).meta;
    await until(async () => (await site.status()).meta.seq > seq, {what: 'a change'});
    await site.kill('fusion');
    site.run('fusion');
    const first = await until(() => site.get('/api/v1/fs/tree').catch(() => undefined), {
      everyMs: 5,
      what: 'an answer',
    });
    expect(first.status).toBe(200);
    const {data, meta} = JSON.parse(first.text);
    expect(data.children.length).toBeGreaterThan(10);
    expect(meta.seq).toBeGreaterThanOrEqual(seq);
    expect(meta).toMatchObject({leader: 'node-a', sync: 'live', complete: expect.any(Boolean)});
  }
  if (storm.exitCode === null) await once(storm, 'exit');
  await site.same(30_000);

  const after = await site.status();
  expect(after.data.agents.map(({session, role}) => ({session, role}))).toEqual(
    before.data.agents.map(({session, role}) => ({session, role})),
  );
  expect(after.data.snapshot_completed_at).toBe(before.data.snapshot_completed_at);
  expect(site.log('agent').match(/scan begins/g)).toHaveLength(1);
});

test('fusion killed with -9 during the first snapshot: the snapshot goes on where it was and completes', async () => {
  const site = await siteOnTree(150_000);
  await until(async () => Number((await site.status()).data.files) > 5_000, {
    everyMs: 5,
    what: 'a part of the snapshot',
  });
  expect((await site.status()).meta.sync).toBe('snapshot');
  await site.kill('fusion');
  await site.startFusion();
  await site.live();
  await site.same();
  expect(site.log('agent').match(/scan begins/g)).toHaveLength(1);
});

test('an agent that was down finds what it missed, and its view keeps its leader', async () => {
  const site = await siteOnTree(3_000);
  await site.live();
  await site.kill('agent');
  rmSync(join(site.directory, 'directory-0'), {recursive: true});
  makeTree(join(site.directory, 'made-meanwhile'), 200);
  site.run('agent');
  const isFound = async () =>
    (await site.get('/api/v1/fs/tree?path=/made-meanwhile/file-1-of-some-data.dat')).status === 200;
  await until(isFound, {what: 'what was made meanwhile'});
  expect((await site.status()).meta.leader).toBe('node-a');
});
