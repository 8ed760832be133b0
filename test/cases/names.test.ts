import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {Site} from '../lib/site.ts';
import {makeStrangeTree} from '../lib/strange-tree.ts';
import {until} from '../lib/until.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-tree-'));
  cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
  return directory;
}

async function siteOn(directory: string, settings: ConstructorParameters<typeof Site>[1] = {}): Promise<Site> {
  const site = new Site(directory, settings);
  cleanups.push(() => site.dispose());
  return site.start();
}

test('strange names, links, fifos, sockets and deep paths: by the scan, by the watcher, and after a rename', async () => {
  const directory = temporary();
  cleanups.push(await makeStrangeTree(join(directory, 'scanned')));
  const site = await siteOn(directory);
  await site.live();
  await site.same();
  cleanups.push(await makeStrangeTree(join(directory, 'watched')));
  await site.same();
  execFileSync('mv', [join(directory, 'scanned'), join(directory, 'moved')]);
  expect(await site.same()).toBeGreaterThan(100);
});

test('a name that is not UTF-8 is found by its bytes, and told with them', async () => {
  const directory = temporary();
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0x61])]), 'x');
  const site = await siteOn(directory);
  await site.live();
  const wanted = {name: '\ufffda', name_b64: Buffer.from([0xff, 0x61]).toString('base64url'), size: 1};
  const path64 = Buffer.from([0x2f, 0xff, 0x61]).toString('base64url');
  for (const query of ['path=/%ffa', `path_b64=${path64}`]) {
    const {status, text} = await site.get(`/api/v1/fs/stat?${query}`);
    expect({status, data: JSON.parse(text).data}).toMatchObject({status: 200, data: {...wanted, path_b64: path64}});
  }
  expect((await site.get(`/api/v1/fs/stat?path=/${encodeURIComponent('\ufffda')}`)).status).toBe(404);
});

test('mkdir d && touch d/f && mkdir d/e && touch d/e/g in a tight loop loses nothing', async () => {
  const site = await siteOn(temporary());
  await site.live();
  for (let i = 0; i < 1_500; i++) {
    const d = join(site.directory, `d${i}`);
    mkdirSync(d);
    writeFileSync(join(d, 'f'), '');
    mkdirSync(join(d, 'e'));
    writeFileSync(join(d, 'e', 'g'), '');
  }
  expect(await site.same()).toBe(1 + 4 * 1_500);
  await until(async () => (await site.status()).meta.complete, {what: 'a complete view'});
});

test('a directory that the agent may not read is told, deletes nothing, and the rest is there', async () => {
  const directory = temporary();
  chmodSync(directory, 0o755);
  mkdirSync(join(directory, 'closed'));
  mkdirSync(join(directory, 'open'));
  writeFileSync(join(directory, 'open', 'f'), 'x');
  chmodSync(join(directory, 'closed'), 0o700);
  const site = new Site(directory);
  cleanups.push(() => site.dispose());
  await site.prepare();
  await site.startFusion();
  chmodSync(site.folder, 0o777);
  chmodSync(site.config, 0o644);
  const agent = site.run('agent', {user: 'nobody'});
  await site.live();
  const {data, meta} = JSON.parse((await site.get('/api/v1/fs/stat?path=/closed')).text);
  expect({unreadable: data.unreadable, complete: meta.complete}).toEqual({unreadable: 'EACCES', complete: false});
  expect((await site.get('/api/v1/fs/stat?path=/open/f')).status).toBe(200);
  expect((await site.status()).meta.complete).toBe(false);
  agent.kill('SIGTERM');
  expect(await once(agent, 'exit')).toEqual([0, null]);
});

test('files that vanish while they are scanned are no trouble', async () => {
  const directory = temporary();
  const script = `let i = 0; const fs = require('fs'); for (;;) { const f = process.argv[1] + '/f' + (i++ % 500); try { fs.writeFileSync(f, ''); fs.rmSync(f); } catch {} }`;
  const churn = spawn(process.execPath, ['-e', script, directory], {stdio: 'ignore'});
  cleanups.push(() => churn.kill('SIGKILL'));
  for (let i = 0; i < 2_000; i++) writeFileSync(join(directory, `kept${i}`), '');
  const site = await siteOn(directory);
  await site.live();
  churn.kill('SIGKILL');
  await once(churn, 'exit');
  await site.same();
});

test('what is excluded is neither told nor entered', async () => {
  const directory = temporary();
  for (const folder of ['.snapshot', 'a/.snapshot', 'a/b']) mkdirSync(join(directory, folder), {recursive: true});
  writeFileSync(join(directory, 'a/.snapshot/f'), '');
  writeFileSync(join(directory, 'a/b/f.tmp'), '');
  writeFileSync(join(directory, 'a/b/f'), '');
  const site = await siteOn(directory, {source: ', exclude: ["**/.snapshot/**", "**/*.tmp"]'});
  await site.live();
  writeFileSync(join(directory, 'a/.snapshot/g'), '');
  writeFileSync(join(directory, 'a/b/g.tmp'), '');
  writeFileSync(join(directory, 'a/b/g'), '');
  await until(async () => (await site.get('/api/v1/fs/stat?path=/a/b/g')).status === 200, {what: '/a/b/g'});
  const {text} = await site.get('/api/v1/fs/tree?recursive=true&only_path=true');
  expect(JSON.parse(text).data).toEqual({
    name: '/',
    path: '/',
    children: [{name: 'a', children: [{name: 'b', children: [{name: 'f'}, {name: 'g'}]}]}],
  });
});
