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
}, 400_000); // a million files go as slowly as they came

async function siteOn(directory: string): Promise<Site> {
  const site = new Site(directory);
  cleanups.push(() => site.dispose());
  return site.start();
}

function temporaryTree(files: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-tree-'));
  cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
  makeTree(directory, files);
  return directory;
}

test('the tree of /usr equals what find says, entry for entry', async () => {
  const site = await siteOn('/usr');
  await site.live();
  expect(await site.same()).toBeGreaterThan(10_000);
});

test('on a tree of 1,000,000 files: after 20,000 random changes while the snapshot runs, the tree equals the directory without an audit', async () => {
  const directory = temporaryTree(1_000_000);
  const site = await siteOn(directory);
  const script = join(import.meta.dirname, '../lib/storm.ts');
  await until(async () => (await site.status()).meta.sync === 'snapshot', {what: 'the snapshot'});
  const storm = spawn(process.execPath, [script, directory, '7', '20000'], {stdio: 'inherit'});
  expect(await once(storm, 'exit')).toEqual([0, null]);
  await site.live(120_000);
  expect(await site.same(60_000)).toBeGreaterThan(900_000);
  expect((await site.status()).data.audit_completed_at).toBeNull();
}, 400_000);
