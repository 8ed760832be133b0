import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, writeFileSync} from 'node:fs';
import {get} from 'node:http';
import {join} from 'node:path';
import type {Site} from '../../lib/site.ts';
import {until} from '../../lib/until.ts';
import {type BenchProcess, cpuMs, startGateway, startProcess} from '../gateway.ts';
import {median} from '../load.ts';
import {type Asked, askAgain} from '../query/ask-again.ts';
import {getRequest} from '../query/connection.ts';
import {Downloads} from '../query/downloads.ts';
import {endlessScans} from '../query/endless-scans.ts';
import type {Stage} from '../stage.ts';
import {wholeTree} from './whole-tree.ts';

const connections = 32;
/** Small requests beside other work: so many a second, which two gateways do with a fifth of a core. */
const pacedPerSecond = 1_000;
const smallPath = '/api/v1/views/site/fs/tree?path=/asked';
const key = {'X-API-Key': 'key-of-the-scripts'};
const small = getRequest(smallPath, key);

/** What answers cost, alone and beside everything else. */
export async function queryGroup(stage: Stage): Promise<void> {
  await wholeTree(stage);
  const site = await stage.site();
  const folder = join(stage.tree().root, 'asked');
  mkdirSync(folder);
  for (let i = 0; i < 250; i++) writeFileSync(join(folder, `file-${i}-of-some-data.dat`), 'x');
  const asked = async () => JSON.parse((await site.get(smallPath)).text);
  // A file that was just written may be written to again; that it is suspect goes after half a minute, and would change the answer.
  const isCalm = async () => {
    const {data, meta} = await asked();
    return data?.children?.length === 250 && meta.suspect === 0 && (await site.status()).meta.suspect === 0;
  };
  await until(isCalm, {what: 'the directory', timeoutMs: 60_000, everyMs: 100});
  await oneDirectory(stage, site);
  await notModified(stage, site);
  await besideAuditAndChanges(stage, site);
  await manyReaders(stage, site);
  await compressed(stage, site);
}

type Lengths = {rounds: number; roundMs: number; pacedMs: number};

/** How often and how long is asked. */
function lengths(stage: Stage): Lengths {
  const rounds = stage.rounds(3);
  return stage.isShort ? {rounds, roundMs: 300, pacedMs: 1_000} : {rounds, roundMs: 2_000, pacedMs: 6_000};
}

/** One gateway on the site's store, one of the others: each has a core for itself, and the client the other one. */
async function oneDirectory(stage: Stage, site: Site): Promise<void> {
  const gateway = await startGateway(join(site.folder, 'fusion/views/site'), join(stage.folder, 'bench-gateway'));
  const path = smallPath.replace('/site/', '/bench/');
  const ours = {...gateway, request: getRequest(path, {'X-API-Key': 'bench'})};
  const {bytes} = await askAgain({port: ours.port, requests: [ours.request], connections, durationMs: 500});
  const bare = async (file: string) => ({
    ...(await startProcess(join(import.meta.dirname, '../query', file), [String(bytes)])),
    request: getRequest('/', key),
  });
  const servers = {ours, node: await bare('bare-node.ts'), hono: await bare('bare-hono.ts')};
  const figures = await inTurns(servers, lengths(stage));
  for (const {child} of Object.values(servers)) child.kill();
  const {ours: fustor, node, hono} = figures;
  const textOf = ({perSecond, cpu}: Figure) => `${perSecond.toFixed(0)}/s (${cpu.toFixed(0)} µs of CPU each)`;
  const against = `one process each, ${connections} connections, ${bytes} bytes: bare node:http ${textOf(node)}, Fustor ${textOf(fustor)}`;
  stage.rows.add({
    ...{name: 'one directory of 250 entries, requests a second', value: fustor.perSecond / node.perSecond},
    ...{unit: '× bare node:http', against, goal: {atLeast: 0.4}},
  });
  stage.rows.add({
    ...{name: 'the same beside a route of bare Hono', value: fustor.perSecond / hono.perSecond},
    ...{unit: '× bare Hono', against: `bare Hono ${textOf(hono)}`},
  });
}

type Figure = {perSecond: number; cpu: number};

async function inTurns<Name extends string>(
  servers: Record<Name, BenchProcess & {request: string}>,
  {rounds, roundMs}: Lengths,
): Promise<Record<Name, Figure>> {
  const names = Object.keys(servers) as Name[];
  const found = Object.fromEntries(names.map(name => [name, [] as Figure[]])) as Record<Name, Figure[]>;
  for (let round = -1; round < rounds; round++) {
    for (const name of names) {
      const server = servers[name];
      const before = cpuMs(server);
      const durationMs = round < 0 ? Math.min(500, roundMs) : roundMs;
      const {perSecond} = await askAgain({port: server.port, requests: [server.request], connections, durationMs});
      const cpu = ((cpuMs(server) - before) * 1e6) / (perSecond * durationMs);
      if (round >= 0) found[name].push({perSecond, cpu});
    }
  }
  const middle = (name: Name, what: keyof Figure) => median(found[name].map(figure => figure[what]));
  const figures = names.map(name => [name, {perSecond: middle(name, 'perSecond'), cpu: middle(name, 'cpu')}]);
  return Object.fromEntries(figures) as Record<Name, Figure>;
}

/** The directory, and everything: who has it is told so without a look at it. */
async function notModified(stage: Stage, site: Site): Promise<void> {
  const {rounds, roundMs} = lengths(stage);
  const tagOf = async (path: string) => (await head(site, path)).etag!;
  const whole = '/api/v1/views/site/fs/tree?recursive=true';
  const kept = async (path: string) => getRequest(path, {...key, 'If-None-Match': await tagOf(path)});
  const found = {all: [] as number[], kept: [] as number[], whole: [] as number[]};
  for (let round = 0; round < rounds; round++) {
    const requests = {all: small, kept: await kept(smallPath), whole: await kept(whole)};
    for (const name of ['all', 'kept', 'whole'] as const) {
      const asked = await askAgain({port: site.port, requests: [requests[name]], connections, durationMs: roundMs});
      if (name !== 'all' && asked.bytes !== 0) throw new Error('Something changed that nobody changed.');
      found[name].push(asked.perSecond);
    }
  }
  const [all, directory, tree] = [found.all, found.kept, found.whole].map(median) as [number, number, number];
  const against = `200: ${all.toFixed(0)}/s, 304: ${directory.toFixed(0)}/s, 304 of the whole tree: ${tree.toFixed(0)}/s; two gateways, the client beside them`;
  stage.rows.add({
    name: 'a directory that has not changed, 304 a second',
    value: directory / all,
    unit: '× 200',
    against,
  });
}

/** Small requests at a fixed rate, with and without the leader reading everything and another process writing files. */
async function besideAuditAndChanges(stage: Stage, site: Site): Promise<void> {
  const {rounds, pacedMs} = lengths(stage);
  const [idle, busy]: [Asked[], Asked[]] = [[], []];
  let scans = 0;
  const writer = join(stage.tree().root, 'written-beside');
  mkdirSync(writer);
  for (let i = 0; i < 100; i++) mkdirSync(join(writer, String(i)));
  for (let round = 0; round < rounds; round++) {
    idle.push(await paced(site, pacedMs));
    using changes = changesBeside(writer);
    const over = new AbortController();
    const scanning = endlessScans(site, over.signal);
    await changes.begun;
    busy.push(await paced(site, pacedMs));
    over.abort();
    scans += await scanning;
  }
  const [alone, beside] = [idle, busy].map(all => median(all.map(({p99Ms}) => p99Ms))) as [number, number];
  stage.rows.add({
    name: 'p99 of that while an audit and 1,000 changes/s run',
    value: beside / alone,
    unit: '× idle',
    against: `${pacedPerSecond} a second: idle ${alone.toFixed(2)} ms, beside ${beside.toFixed(2)} ms; ${rounds} × ${pacedMs / 1000} s, in which the leader read the tree ${scans} times`,
    goal: {atMost: 2},
  });
}

function paced(site: Site, durationMs: number): Promise<Asked> {
  const pace = {connections: 16, durationMs, perSecond: pacedPerSecond};
  return askAgain({port: site.port, requests: [small], ...pace});
}

/** 1,000 files a second, written by another process, until it is disposed of. */
function changesBeside(folder: string): {begun: Promise<unknown>} & Disposable {
  const program = join(import.meta.dirname, '../visible/write-files.ts');
  const args = ['--disable-warning=ExperimentalWarning', program, folder, '1000000', '1000', '100'];
  const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']});
  const begun = once(child.stdout, 'data');
  child.stdout.resume();
  return {begun, [Symbol.dispose]: () => void child.kill()};
}

async function manyReaders(stage: Stage, site: Site): Promise<void> {
  const over = new AbortController();
  const scanning = endlessScans(site, over.signal);
  const request = getRequest('/api/v1/views/site/fs/tree?recursive=true', key);
  const download = await Downloads.start({port: site.port, request, clients: 1, pace: 'fast'});
  const asked = await paced(site, lengths(stage).pacedMs);
  const {bytesPerSecond} = await download.tell();
  await download.stop();
  over.abort();
  const scans = await scanning;
  const against = `asked for: ${pacedPerSecond}/s; p50 ${asked.p50Ms.toFixed(2)} ms, p99 ${asked.p99Ms.toFixed(1)} ms; beside them ${(bytesPerSecond / 2 ** 20).toFixed(0)} MiB/s to one client and ${scans} readings of the storage; no request failed`;
  stage.rows.add({
    name: 'small requests beside a download of everything and an audit',
    ...{value: asked.perSecond, unit: 'a second', against, goal: {atLeast: 0.95 * pacedPerSecond}},
  });
}

/** To a client that only counts. */
async function compressed(stage: Stage, site: Site): Promise<void> {
  const {entries} = stage.tree();
  const {rounds} = lengths(stage);
  const found = new Map<string, {bytes: number; seconds: number}[]>();
  for (let round = 0; round < rounds; round++) {
    for (const coding of ['identity', 'gzip', 'zstd']) {
      found.set(coding, [...(found.get(coding) ?? []), await downloaded(site, coding)]);
    }
  }
  const [plain, ...others] = [...found].map(([coding, all]) => ({
    coding,
    bytes: all[0]!.bytes,
    perSecond: entries / median(all.map(({seconds}) => seconds)),
  }));
  for (const {coding, bytes, perSecond} of others) {
    const against = `${(bytes / 2 ** 20).toFixed(1)} MiB in place of ${(plain!.bytes / 2 ** 20).toFixed(1)}, 1/${(plain!.bytes / bytes).toFixed(1)}; as it is: ${plain!.perSecond.toFixed(0)}/s`;
    stage.rows.add({name: `whole tree as JSON, ${coding}, entries a second`, value: perSecond, unit: '/s', against});
  }
}

async function downloaded(site: Site, coding: string): Promise<{bytes: number; seconds: number}> {
  const startedAt = performance.now();
  const {promise, resolve, reject} = Promise.withResolvers<number>();
  const headers = {...key, 'accept-encoding': coding};
  get(`${site.url}/api/v1/views/site/fs/tree?recursive=true`, {headers, agent: false}, response => {
    let bytes = 0;
    response.on('data', chunk => {
      bytes += chunk.length;
    });
    response.on('error', reject).on('end', () => resolve(bytes));
  }).on('error', reject);
  const bytes = await promise;
  return {bytes, seconds: (performance.now() - startedAt) / 1000};
}

async function head(site: Site, path: string): Promise<{etag: string | undefined}> {
  const response = await fetch(`${site.url}${path}`, {method: 'HEAD', headers: key});
  return {etag: response.headers.get('etag') ?? undefined};
}
