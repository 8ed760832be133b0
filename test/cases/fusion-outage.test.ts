import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {request} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {afterEach, expect, test} from 'vitest';
import type {PipeStatus} from '../../core/pipe/pipe.ts';
import {makeTree} from '../lib/make-tree.ts';
import {Site} from '../lib/site.ts';
import {until} from '../lib/until.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}, 300_000); // removing what the storms made takes its time

async function liveSite(files: number, pipe = ''): Promise<Site> {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-tree-'));
  cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
  makeTree(directory, files);
  const site = new Site(directory, {pipe});
  cleanups.push(() => site.dispose());
  await site.start();
  await site.live();
  return site;
}

async function pipeStatus(site: Site): Promise<PipeStatus> {
  const socketPath = join(site.folder, 'agent/run/payload-site.sock');
  const asked = request({socketPath, path: '/health'}).end();
  const [response] = await once(asked, 'response');
  const {pipe, work} = JSON.parse(await text(response)).data;
  return {...pipe, work};
}

/** Memory of its own, in MiB. */
function memoryOf(pid: number): number {
  const [, kibibytes] = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Math.round(Number(kibibytes) / 1024);
}

async function storm(site: Site, seed: number, count: number): Promise<void> {
  const script = join(import.meta.dirname, '../lib/storm.ts');
  const child = spawn(process.execPath, [script, site.directory, String(seed), String(count)], {stdio: 'inherit'});
  cleanups.push(() => child.kill('SIGKILL'));
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
}

/** Until the watcher has told everything that happened, and nothing is left on its way to the queue. */
async function quiet(site: Site): Promise<PipeStatus> {
  let last = -1;
  let since = performance.now();
  return until(
    async () => {
      const status = await pipeStatus(site);
      if (status.queued !== last) since = performance.now();
      last = status.queued;
      return performance.now() - since > 1_000 ? status : undefined;
    },
    {timeoutMs: 120_000, everyMs: 100, what: 'a queue that stays as it is'},
  );
}

const leadership = async (site: Site) => {
  const {agents, snapshot_completed_at} = (await site.status()).data;
  return {agents: agents.map(({session, role}) => ({session, role})), snapshot_completed_at};
};

test('200,000 changes while the fusion is away: bounded memory, then the view is the storage, with the same leader and no scan', {
  timeout: 600_000,
}, async () => {
  const site = await liveSite(20_000);
  const before = await leadership(site);
  const payload = site.partPid('agent', 'payload-site');
  await site.kill('fusion');
  const idle = memoryOf(payload);
  let most = idle;
  for (let seed = 1; seed <= 4; seed++) {
    await storm(site, seed, 50_000);
    most = Math.max(most, memoryOf(payload));
  }
  const waiting = await quiet(site);
  most = Math.max(most, memoryOf(payload));
  const {queued, spooled, spooledBytes} = waiting;
  console.log({idleMiB: idle, mostMiB: most, queued, spooled, spooledBytes});
  expect(waiting).toMatchObject({gaps: 0, isConnected: false, work: {pending: 0}});
  // About 16 MiB of it are events; the directories that the storms made are known to the source, and V8 is generous.
  expect(most).toBeLessThan(450);

  await site.startFusion();
  await site.same(120_000);
  expect(await leadership(site)).toEqual(before);
  expect(site.partPid('agent', 'payload-site')).toBe(payload);
  expect(site.log('agent').match(/scan begins/g)).toHaveLength(1);
});

test('more changes than the spool may hold: the view is told of a gap, what is missing is read again, and nothing is wrong in the end', {
  timeout: 600_000,
}, async () => {
  const site = await liveSite(60_000, ', spool_max: 1MiB');
  const before = await leadership(site);
  await site.kill('fusion');
  for (let seed = 1; seed <= 2; seed++) await storm(site, seed, 30_000);
  const touch = spawn('find', [site.directory, '-type', 'f', '-exec', 'chmod', '600', '{}', '+'], {stdio: 'inherit'});
  await once(touch, 'exit');
  const {gaps} = await quiet(site);
  expect(gaps).toBeGreaterThan(0);
  expect(site.log('agent').match(/events were thrown away/g)).toHaveLength(1);

  await site.startFusion();
  await until(async () => (await site.status()).data.agents[0]?.gaps, {what: 'the gap'});
  await site.same(120_000);
  await until(() => /"source":"on_demand"[^\n]*scan ends/.test(site.log('agent')), {what: 'the rescan'});
  expect(await leadership(site)).toEqual(before);
});
