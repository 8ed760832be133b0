import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {followEvents} from '../../cmd/ctl/follow-events.ts';
import {readRecords} from '../../cmd/shell/part-record.ts';
import {makeTree} from '../lib/make-tree.ts';
import {ReplayedTree, type ToldRow} from '../lib/replayed-tree.ts';
import {Site} from '../lib/site.ts';
import {difference} from '../lib/tree-lines.ts';
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
  await site.start();
  await site.live();
  return site;
}

type Node = Omit<ToldRow, 'path' | 'seq' | 'change'> & {name: string; name_b64?: string; children?: Node[]};

/** What `fs/tree` answers below a path, as somebody keeps it who goes on with the changes, and from where they do. */
async function copyOf(site: Site, path: string): Promise<{tree: ReplayedTree; since: string; seq: number}> {
  const {status, text} = await site.get(`/api/v1/fs/tree?recursive=true&path=${path}`);
  const tree = new ReplayedTree();
  const {data, meta} = JSON.parse(exact(text)) as {data?: Node; meta: {changes_since?: string; seq: number}};
  const add = ({children = [], ...its}: Node, at: string) => {
    tree.entries.set(at === '' ? '/' : at, its);
    for (const child of children) {
      const name = child.name_b64 === undefined ? Buffer.from(child.name) : Buffer.from(child.name_b64, 'base64url');
      add(child, `${at}/${name.toString('latin1')}`);
    }
  };
  if (status === 200) add(data!, path === '/' ? '' : path);
  return {tree, since: meta.changes_since ?? String(meta.seq), seq: meta.seq};
}

/** Times as text, because a JavaScript number cannot hold them. */
function exact(json: string): string {
  return json.replace(/"modified_time":(-?[\d.]+)/g, '"modified_time":"$1"');
}

/** Applies what `fs/watch` tells to a copy, for as long as the test runs. */
function follow(site: Site, path: string, {tree, since}: {tree: ReplayedTree; since: string}): {events: number} {
  const headers = {authorization: 'Bearer key-of-the-scripts'};
  const url = `${site.url}/api/v1/fs/watch?path=${path}&since=${since}`;
  const stream = followEvents(url, {headers, timeoutMs: 60_000});
  const followed = {events: 0};
  const run = async () => {
    for await (const {event, data} of stream) {
      if (event === 'gone') throw new Error(data);
      tree.apply(JSON.parse(exact(data)));
      followed.events++;
    }
  };
  void run();
  cleanups.push(() => void stream.return(undefined));
  return followed;
}

async function differs(site: Site, path: string, tree: ReplayedTree): Promise<ReturnType<typeof difference>> {
  return difference(tree.lines, (await copyOf(site, path)).tree.lines);
}

/** Once it runs that came in place of the one that was killed before. */
async function killPart(site: Site, part: string, killed: Set<number>): Promise<void> {
  const pid = await until(
    () => readRecords(join(site.folder, 'fusion/run')).find(({name, pid}) => name === part && !killed.has(pid))?.pid,
    {what: `a new ${part}`},
  );
  killed.add(pid);
  process.kill(pid, 'SIGKILL');
}

test('who follows the changes has the tree, through kill -9 of engine and gateways under a storm', async () => {
  const site = await siteOnTree(3_000);
  const paths = ['/', '/directory-0', '/home'];
  const copies = await Promise.all(paths.map(path => copyOf(site, path)));
  const followed = copies.map((copy, index) => follow(site, paths[index]!, copy));
  const script = join(import.meta.dirname, '../lib/storm.ts');
  const storm = spawn(process.execPath, [script, site.directory, '5', '6000'], {stdio: 'inherit'});
  cleanups.push(() => storm.kill('SIGKILL'));
  const killed = new Set<number>();
  for (const part of ['engine-site', 'gateway-1', 'gateway-2', 'engine-site', 'gateway-1']) {
    const before = followed[0]!.events;
    await until(() => followed[0]!.events > before + 100 || storm.exitCode !== null, {what: 'events'});
    await killPart(site, part, killed);
  }
  await site.kill('fusion');
  await site.startFusion();
  if (storm.exitCode === null) await once(storm, 'exit');
  const late = join(site.directory, 'late');
  makeTree(late, 400);
  await site.same(60_000);
  mkdirSync(join(site.directory, 'home'));
  renameSync(late, join(site.directory, 'home/late'));
  await site.same(60_000);
  for (const [index, path] of paths.entries()) {
    const equal = async () => (await differs(site, path, copies[index]!.tree)).count === 0;
    await until(equal, {what: `the copy of ${path} to be the tree`}).catch(async error => {
      throw new Error(
        `${error.message}: ${JSON.stringify(await differs(site, path, copies[index]!.tree), undefined, 1)}`,
      );
    });
  }
  expect(followed.every(({events}) => events > 0)).toBe(true);
}, 180_000);

test('changes are told behind a seq from before everything was killed, in the order in which they were made', async () => {
  const site = await siteOnTree(50);
  const {seq} = await copyOf(site, '/');
  mkdirSync(join(site.directory, 'one'));
  writeFileSync(join(site.directory, 'one/file'), 'x');
  await site.same();
  await site.kill('fusion');
  await site.startFusion();
  renameSync(join(site.directory, 'one'), join(site.directory, 'two'));
  await site.same();
  rmSync(join(site.directory, 'two'), {recursive: true});
  await site.same();
  const {text} = await site.get(`/api/v1/fs/changes?since=${seq}&format=ndjson`);
  const rows = text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as ToldRow);
  // What goes with its directory need not be told by the agent.
  const isTold = ({change, path}: ToldRow) => change !== 'modified' && path !== '/' && path !== '/two/file';
  const told = rows.slice(0, -1).filter(isTold);
  expect(told.map(({change, path, from}) => [change, from ?? path, path])).toEqual([
    ['created', '/one', '/one'],
    ['created', '/one/file', '/one/file'],
    ['moved', '/one', '/two'],
    ['deleted', '/two', '/two'],
  ]);
}, 60_000);
