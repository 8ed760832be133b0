import {once} from 'node:events';
import {appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {get as httpGet, type IncomingMessage} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {json} from 'node:stream/consumers';
import {afterEach, expect, test} from 'vitest';
import {readRecords} from '../../cmd/shell/part-record.ts';
import {processState} from '../../cmd/shell/process-table.ts';
import {requestUnix} from '../../cmd/unix-socket.ts';
import type {Death, PartReport} from '../../core/shell/part-report.ts';
import {type Role, Site} from '../lib/site.ts';
import {until} from '../lib/until.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startSite(): Promise<Site> {
  const directory = mkdtempSync(join(tmpdir(), 'fustor-shells-'));
  cleanups.push(() => rmSync(directory, {recursive: true, force: true}));
  for (let i = 0; i < 200; i++) writeFileSync(join(directory, `file-${i}`), 'x');
  const site = new Site(directory);
  cleanups.push(() => site.dispose());
  await site.start();
  await site.live();
  return site;
}

/** Numbers of the parts of a role that are recorded, by name. */
function partsOf(site: Site, role: Role): Record<string, number> {
  return Object.fromEntries(readRecords(join(site.folder, role, 'run')).map(({name, pid}) => [name, pid]));
}

/** `kill -9` of the shell alone. */
async function killShell(site: Site, role: Role): Promise<void> {
  const pid = site.pids(role)[0]!;
  process.kill(pid, 'SIGKILL');
  await until(() => processState(pid) === undefined, {what: 'the end of the shell'});
}

async function report(site: Site, role: Role): Promise<PartReport[]> {
  const socket = join(site.folder, role, 'run', 'shell.sock');
  const {body} = await requestUnix({socket, method: 'GET', path: '/health', timeoutMs: 1_000});
  return JSON.parse(body.toString()).data.parts;
}

async function part(site: Site, role: Role, name: string): Promise<PartReport | undefined> {
  const parts = await report(site, role).catch(() => []);
  return parts.find(found => found.name === name);
}

/** Of the payload with this process number. */
function deathOf(site: Site, pid: number): Promise<Death> {
  const told = async () => {
    const death = (await part(site, 'agent', 'payload-site'))?.lastDeath;
    return death?.pid === pid ? death : undefined;
  };
  return until(told, {what: 'the death in the report'});
}

async function order(site: Site, role: Role, path: string): Promise<string> {
  const socket = join(site.folder, role, 'run', 'shell.sock');
  const {body} = await requestUnix({socket, method: 'POST', path, timeoutMs: 30_000});
  return body.toString();
}

function isGone(pid: number): boolean {
  return processState(pid) === undefined;
}

/** Asks without pause until it is stopped; tells what was not 200. */
function askAll(site: Site): {stop: () => Promise<{asked: number; bad: string[]}>} {
  const bad: string[] = [];
  let asked = 0;
  let isStopped = false;
  const asking = (async () => {
    while (!isStopped) {
      asked++;
      const {status} = await site.get('/api/v1/fs/tree').catch(error => ({status: String(error.cause ?? error)}));
      if (status !== 200) bad.push(String(status));
    }
  })();
  return {
    stop: async () => {
      isStopped = true;
      await asking;
      return {asked, bad};
    },
  };
}

test('an agent shell that is killed finds its payload again; nothing is scanned again, and a proper stop leaves nothing', async () => {
  const site = await startSite();
  const before = partsOf(site, 'agent');
  for (let round = 0; round < 5; round++) {
    await killShell(site, 'agent');
    writeFileSync(join(site.directory, `while-away-${round}`), 'x');
    const startedAt = performance.now();
    site.run('agent');
    await until(async () => (await part(site, 'agent', 'payload-site'))?.state === 'running', {
      everyMs: 5,
      what: 'adoption',
    });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(partsOf(site, 'agent')).toEqual(before);
  }
  await site.same();
  expect(await site.stop('agent')).toBe(0);
  // A shell passes on four times a second what its parts log, and all of it before it ends.
  expect(site.log('agent').match(/scan begins/g)).toHaveLength(1);
  expect(Object.values(before).filter(pid => !isGone(pid))).toEqual([]);
});

test('a fusion shell that is killed finds engine, gateways and the socket again; the queries notice nothing', async () => {
  const site = await startSite();
  const before = partsOf(site, 'fusion');
  const asking = askAll(site);
  for (let round = 0; round < 3; round++) {
    await killShell(site, 'fusion');
    site.run('fusion');
    await until(async () => (await report(site, 'fusion').catch(() => [])).length === 3, {what: 'adoption'});
    expect(partsOf(site, 'fusion')).toEqual(before);
  }
  expect(await asking.stop()).toMatchObject({asked: expect.any(Number), bad: []});
  // The socket is held as it was: a gateway that is started now accepts from it.
  for (const name of ['gateway-1', 'gateway-2']) {
    process.kill(before[name]!, 'SIGKILL');
    await until(async () => {
      const found = await part(site, 'fusion', name);
      return found?.state === 'running' && found.pid !== before[name];
    });
  }
  await site.same();
  const pids = site.pids('fusion');
  expect(await site.stop('fusion')).toBe(0);
  expect(pids.filter(pid => !isGone(pid))).toEqual([]);
});

test('a fusion shell that cannot start beside the parts of an earlier one ends, and the next one takes them over', async () => {
  const site = await startSite();
  const before = partsOf(site, 'fusion');
  const gateways = Object.entries(before).flatMap(([name, pid]) => (name.startsWith('gateway-') ? [pid] : []));
  await killShell(site, 'fusion');
  for (const pid of gateways) process.kill(pid, 'SIGSTOP'); // they hold the socket, and hand it to nobody
  const [code] = await once(site.run('fusion'), 'exit', {signal: AbortSignal.timeout(30_000)});
  expect(code).toBe(11);
  expect(site.log('fusion')).toContain('another process listens there');
  for (const pid of gateways) process.kill(pid, 'SIGCONT');
  site.run('fusion');
  await until(async () => (await report(site, 'fusion').catch(() => [])).length === 3, {what: 'adoption'});
  expect(partsOf(site, 'fusion')).toEqual(before);
  await site.same();
});

test('SIGUSR2 replaces every process of a fusion and of an agent but the shells, and no query fails', async () => {
  const site = await startSite();
  const asking = askAll(site);
  for (const role of ['fusion', 'agent'] as const) {
    const before = Object.values(partsOf(site, role));
    const shell = site.pids(role)[0]!;
    process.kill(shell, 'SIGUSR2');
    await until(() => before.every(isGone), {what: 'the end of all earlier parts'});
    await until(async () => {
      const parts = await report(site, role).catch(() => []);
      return parts.length === before.length && parts.every(({state}) => state === 'running');
    });
    expect(isGone(shell)).toBe(false);
  }
  expect(await asking.stop()).toMatchObject({bad: []});
  await site.same();
});

test('SIGHUP takes up a new key without a failed query, and an invalid file changes nothing', async () => {
  const site = await startSite();
  const engine = partsOf(site, 'fusion')['engine-site'];
  const original = readFileSync(site.config, 'utf8');
  const asking = askAll(site);
  const reload = () => process.kill(site.pids('fusion')[0]!, 'SIGHUP');
  writeFileSync(
    site.config,
    original.replace('keys:', 'keys:\n  - { name: late, role: reader, key: key-of-the-late, views: [site] }'),
  );
  reload();
  await until(async () => (await site.get('/api/v1/fs/tree', 'key-of-the-late')).status === 200, {what: 'the new key'});
  const parts = partsOf(site, 'fusion');
  expect(parts['engine-site']).toBe(engine);
  appendFileSync(site.config, 'fusoin: {}\n');
  reload();
  await until(() => site.log('fusion').includes('the earlier one goes on'), {what: 'the refusal'});
  expect(site.log('fusion')).toMatch(/fusoin/);
  await until(async () => (await report(site, 'fusion')).length === 3);
  expect((await site.get('/api/v1/fs/tree', 'key-of-the-late')).status).toBe(200);
  expect(await asking.stop()).toMatchObject({bad: []});
});

test('a payload that is stopped, killed or restarted by command is there again, and its siblings and the view are well', async () => {
  const site = await startSite();
  const pid = () => partsOf(site, 'agent')['payload-site']!;
  let before = pid();
  process.kill(before, 'SIGSTOP');
  expect(await order(site, 'agent', '/parts/payload-site/restart')).toContain(String(before));
  expect(isGone(before)).toBe(true);
  before = pid();
  await until(() => site.log('agent').match(/scan begins/g)?.length === 2, {what: 'its first scan'});
  process.kill(before, 'SIGSEGV');
  const killedAt = performance.now();
  const death = await deathOf(site, before);
  expect(performance.now() - killedAt).toBeLessThan(2_000);
  expect(death).toMatchObject({cause: 'signal', signal: 'SIGSEGV', code: null});
  expect(death.stderr).toContain('scan begins');
  await until(async () => (await part(site, 'agent', 'payload-site'))?.state === 'running');
  before = pid();
  expect(await order(site, 'agent', '/parts/payload-site/kill')).toContain(`Process ${before} was ended`);
  expect(await order(site, 'agent', '/parts/payload-other/kill')).toContain('payload-site');
  await site.same();
});

test('a frozen payload is ended by its shell', async () => {
  const site = await startSite();
  const before = partsOf(site, 'agent')['payload-site']!;
  process.kill(before, 'SIGSTOP');
  await until(() => isGone(before), {timeoutMs: 40_000, what: 'the end of the frozen payload'});
  expect(await deathOf(site, before)).toMatchObject({cause: 'frozen'});
  await site.same();
});

test('a slow download goes on to its end while its gateway is replaced', async () => {
  const site = await startSite();
  for (let i = 0; i < 30_000; i++) writeFileSync(join(site.directory, `${i}-${'x'.repeat(200)}`), '');
  await site.same(60_000);
  const before = partsOf(site, 'fusion');
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = {authorization: 'Bearer key-of-the-scripts'};
    httpGet(`${site.url}/api/v1/fs/tree?recursive=true`, {headers}, resolve).on('error', reject);
  });
  response.pause();
  process.kill(site.pids('fusion')[0]!, 'SIGUSR2');
  const isReplaced = async () => {
    const parts = await report(site, 'fusion').catch(() => []);
    const running = parts.filter(({state}) => state === 'running').map(({pid}) => pid);
    return running.length === 3 && !running.some(pid => Object.values(before).includes(pid!));
  };
  await until(isReplaced, {what: 'successors'});
  // One of the earlier gateways is still there for this answer, and for nothing else.
  await until(() => Object.values(before).filter(pid => !isGone(pid)).length === 1, {what: 'the end of all others'});
  const {data} = (await json(response)) as {data: {children: unknown[]}};
  expect(data.children).toHaveLength(30_200);
  await until(() => Object.values(before).every(isGone), {what: 'the end of the last gateway'});
});
