import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {makeTree} from '../lib/make-tree.ts';
import {Site} from '../lib/site.ts';
import {until} from '../lib/until.ts';

const dist = join(import.meta.dirname, '../../dist');
const missing = whyNoMounts();
if (missing !== undefined) console.warn(`Cases of scans on mounts are SKIPPED: ${missing}.`);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function whyNoMounts(): string | undefined {
  if (!existsSync('/dev/fuse')) return 'there is no /dev/fuse';
  if (process.getuid!() !== 0) return 'only root may mount';
  return spawnSync('bindfs', ['--version']).status === 0 ? undefined : 'bindfs is not installed';
}

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-scans-'));
  cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
  return directory;
}

/** A mount of its own of a storage, like another NFS client: what happens through others gives no event here. */
async function mountOf(storage: string): Promise<string> {
  const path = temporary();
  const options = 'use_ino,attr_timeout=0,entry_timeout=0,negative_timeout=0';
  const server = spawn('bindfs', ['-f', '-o', options, storage, path], {stdio: 'ignore'});
  cleanups.push(async () => {
    spawnSync('umount', ['--lazy', path]);
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  });
  await until(() => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `), {what: `a mount at ${path}`});
  return path;
}

async function siteOn(directory: string, settings: {view?: string} = {}): Promise<Site> {
  const site = new Site(directory, settings);
  cleanups.push(() => site.dispose());
  await site.start();
  await site.live();
  return site;
}

type Job = {
  id: string;
  state: string;
  agent: string;
  requested_at: string;
  started_at: string;
  progress: {directories: number; entries: number};
};

/** What the site's fusion answers, as its scripts ask. */
function asking(site: Site) {
  const headers = {authorization: 'Bearer key-of-the-scripts'};
  const get = async <Data>(path: string) => JSON.parse((await site.get(`/api/v1/${path}`)).text).data as Data;
  const job = (id: string) => get<Job>(`jobs/${id}`);
  return {
    get,
    job,
    order: async (path: string) => {
      const body = JSON.stringify({path});
      const answer = await fetch(`${site.url}/api/v1/fs/scan`, {method: 'POST', headers, body});
      expect(answer.status).toBe(202);
      return ((await answer.json()) as {data: Job}).data;
    },
    ended: (id: string) =>
      until(
        async () => {
          const found = await job(id);
          return ['done', 'failed'].includes(found.state) ? found : undefined;
        },
        {timeoutMs: 90_000, everyMs: 5, what: `the end of the job ${id}`},
      ),
    isKnown: async (path: string) => (await site.get(`/api/v1/fs/stat?path=${path}`)).status === 200,
  };
}

test.skipIf(missing !== undefined)(
  'a scan that is asked for finds at once what no agent could see, lists it as blind spots, and its job tells so',
  async () => {
    const storage = temporary();
    makeTree(join(storage, 'data'), 500);
    const site = await siteOn(await mountOf(storage));
    const {get, order, ended, isKnown} = asking(site);
    const elsewhere = await mountOf(storage);
    writeFileSync(join(elsewhere, 'data/blind'), 'x');
    rmSync(join(elsewhere, 'data/file-0-of-some-data.dat'));
    mkdirSync(join(elsewhere, 'made/deep'), {recursive: true});
    writeFileSync(join(elsewhere, 'made/deep/file'), 'x');

    const job = await ended((await order('/data')).id);
    expect(job).toMatchObject({state: 'done', agent: 'node-a', source: 'on_demand', requested_by: 'scripts'});
    expect(job.progress).toMatchObject({directories: expect.any(Number), entries: expect.any(Number)});
    expect(job.progress.entries).toBeGreaterThan(500);
    // Ten seconds pass between two heartbeats when there is nothing to tell.
    expect(Date.parse(job.started_at) - Date.parse(job.requested_at)).toBeLessThan(2_000);
    expect([await isKnown('/data/blind'), await isKnown('/data/file-0-of-some-data.dat')]).toEqual([true, false]);
    const blind = await get<{path: string; change: string}[]>('fs/blind-spots?path=/data');
    expect(blind.map(({path, change}) => `${path} ${change}`).sort()).toEqual([
      '/data/blind created',
      '/data/file-0-of-some-data.dat deleted',
    ]);
    expect(await isKnown('/made')).toBe(false);

    await ended((await order('/made/deep')).id); // of which neither the agent nor the view has heard
    expect(await isKnown('/made/deep/file')).toBe(true);
    rmSync(join(elsewhere, 'made'), {recursive: true});
    await ended((await order('/made/deep')).id);
    await until(async () => !(await isKnown('/made')), {what: 'the deletion of /made'});
    await site.same();
    // Nothing of it was seen by anybody else: no other scan has run.
    const sources = (await get<{source: string}[]>('jobs')).map(({source}) => source);
    expect(sources).toEqual(['on_demand', 'on_demand', 'on_demand', 'snapshot']);
  },
);

test.skipIf(missing !== undefined)(
  'fustorctl scan --wait ends with the scan, and on_demand_scan=true asks for one',
  async () => {
    const storage = temporary();
    mkdirSync(join(storage, 'd'));
    const site = await siteOn(await mountOf(storage));
    const {ended, isKnown} = asking(site);
    const run = (...args: string[]) => {
      const env = {FUSTOR_KEY: 'key-of-the-scripts', FUSTOR_ENDPOINT: site.url};
      return spawnSync(join(dist, 'fustorctl'), args, {encoding: 'utf8', env});
    };
    writeFileSync(join(storage, 'd/first'), 'x');
    expect(run('scan', '/d', '--wait')).toMatchObject({status: 0, stdout: expect.stringMatching(/^state +done$/m)});
    expect(run('blind-spots').stdout).toMatch(/^created .* \/d\/first$/m);
    expect(run('suspects').stdout).toMatch(/ \/d\/first$/m);
    expect(run('jobs', '--state', 'done').stdout.split('\n')).toHaveLength(2 + 2);

    writeFileSync(join(storage, 'd/second'), 'x');
    const {data, meta} = JSON.parse((await site.get('/api/v1/fs/tree?path=/d&on_demand_scan=true')).text);
    expect(data.children).toHaveLength(1);
    await ended(meta.job.id);
    expect(await isKnown('/d/second')).toBe(true);
  },
);

test.skipIf(missing !== undefined)(
  'while a long scan runs realtime goes on, and when its agent is killed the other one finishes it',
  async () => {
    const storage = temporary();
    makeTree(join(storage, 'data'), 20_000);
    const [a, b] = [await mountOf(storage), await mountOf(storage)];
    const site = await siteOn(a, {view: ', session_timeout: 2s'});
    startSecondAgent(site, b);
    const {get, job, order, ended, isKnown} = asking(site);
    type Agents = {agents: {id: string; role: string; watched: number | null}[]; directories: number};
    await until(
      async () => {
        const {agents, directories} = await get<Agents>('status');
        return agents.some(({id, watched}) => id === 'node-b' && watched === directories + 1);
      },
      {timeoutMs: 60_000, what: 'the second agent to watch everything'},
    );
    writeFileSync(join(storage, 'blind'), 'x');

    const {id} = await order('/');
    await until(async () => (await job(id)).state === 'running', {everyMs: 1, what: 'the scan to run'});
    writeFileSync(join(a, 'data/seen'), 'x');
    await until(() => isKnown('/data/seen'), {everyMs: 1, what: 'a file that was made meanwhile'});
    expect((await job(id)).state).toBe('running');

    await site.kill('agent');
    const killed = await job(id);
    expect(killed).toMatchObject({state: 'running', agent: 'node-a'});
    const done = await ended(id);
    expect(done).toMatchObject({state: 'done', agent: 'node-b'});
    expect(done.progress.entries).toBeGreaterThan(20_000);
    expect(await isKnown('/blind')).toBe(true);
    await site.same();
  },
);

/** `node-b`, on a mount of its own, with everything else as the site's agent. */
function startSecondAgent(site: Site, mount: string): ChildProcess {
  const config = join(site.folder, 'second.yaml');
  const first = readFileSync(site.config, 'utf8');
  const second = first
    .replace('id: node-a, data: ./agent', 'id: node-b, data: ./second')
    .replace(site.directory, mount);
  writeFileSync(config, second);
  const command = ['-c', 'exec 2>"$0"; exec "$@"', join(site.folder, 'second.log'), join(dist, 'fustor-agent')];
  const child = spawn('/bin/sh', [...command, '--config', config], {stdio: 'ignore'});
  cleanups.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
  return child;
}
