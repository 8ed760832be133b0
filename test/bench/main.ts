import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {makeTree} from '../lib/make-tree.ts';
import {Site} from '../lib/site.ts';
import {until} from '../lib/until.ts';
import {median, percentile, requestsPerSecond} from './load.ts';

/**
 * `npm run bench`: the built executables beside what people use instead, in one run on one machine. `--files N` for a
 * smaller tree, `--json FILE` for the rows.
 */
type Row = {name: string; value: number; unit: string; against: string; goal: string; met: boolean | null};
const {values} = parseArgs({options: {files: {type: 'string', default: '1000000'}, json: {type: 'string'}}});
const files = Number(values.files);
const rows: Row[] = [];
const directory = mkdtempSync(join(tmpdir(), 'fustor-bench-'));
const authorization = {authorization: 'Bearer key-of-the-scripts'};

function add(name: string, value: number, unit: string, against = '', goal = '', met: boolean | null = null): void {
  rows.push({name, value: Number(value.toPrecision(3)), unit, against, goal, met});
  console.log(`${name}: ${value.toPrecision(3)} ${unit}  ${against}`);
}

try {
  for (const count of [...new Set([Math.min(100_000, files), files])]) await measure(count);
} finally {
  rmSync(directory, {recursive: true, force: true});
}
console.table(rows);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({rows}, undefined, 2)}\n`);

async function measure(count: number): Promise<void> {
  const root = join(directory, String(count));
  const entries = makeTree(root, count);
  const label = count.toLocaleString('en');
  const finds = [1, 2, 3].map(() => secondsOfFind(root));
  const site = new Site(root);
  try {
    await snapshot(site, {root, label, entries, find: median(finds)});
    if (count === files) {
      await latency(site, root);
      await throughput(site, root);
    }
    await restart(site, label);
  } finally {
    await site.dispose();
    rmSync(root, {recursive: true});
  }
}

/** Cold caches cannot be had without root's help for both; both read a tree that was just made, from memory. */
function secondsOfFind(root: string): number {
  const startedAt = performance.now();
  const {status} = spawnSync('sh', ['-c', `find "$0" -printf '%P|%y|%s|%T@\\n' >/dev/null`, root]);
  if (status !== 0) throw new Error('find failed');
  return (performance.now() - startedAt) / 1000;
}

async function snapshot(
  site: Site,
  {label, entries, find}: {root: string; label: string; entries: number; find: number},
): Promise<void> {
  const peaks = watchMemory(() => [...site.pids('agent'), ...site.pids('fusion')]);
  await site.prepare();
  await site.startFusion();
  const startedAt = performance.now();
  site.run('agent');
  await until(async () => (await site.status()).meta.sync === 'live', {
    timeoutMs: 300_000,
    everyMs: 20,
    what: 'the snapshot',
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const ratio = seconds / find;
  add(
    `first snapshot of ${label} files, start of the agent to answerable`,
    ratio,
    '×',
    `find -printf: ${find.toFixed(2)} s, snapshot: ${seconds.toFixed(2)} s`,
    '≤ 2',
    ratio <= 2,
  );
  const peak = peaks.stop();
  const payload = site.partPid('agent', 'payload-site');
  const engine = site.partPid('fusion', 'engine-site');
  for (const [part, pid] of [
    ['agent payload', payload],
    ['engine', engine],
  ] as const) {
    const bytes = peak.get(pid) ?? 0;
    add(
      `${part}: peak resident memory for ${label} files`,
      bytes / 2 ** 20,
      'MiB',
      `${(bytes / entries).toFixed(0)} bytes an entry, an idle process included`,
    );
  }
}

/** The largest `VmRSS`, less what is mapped from files (the tree itself is such a map), of processes over time. */
function watchMemory(pids: () => number[]): {stop(): Map<number, number>} {
  const peak = new Map<number, number>();
  const timer = setInterval(() => {
    for (const pid of pids()) {
      try {
        const text = readFileSync(`/proc/${pid}/status`, 'utf8');
        const bytes = Number(/RssAnon:\s+(\d+)/.exec(text)?.[1] ?? 0) * 1024;
        peak.set(pid, Math.max(peak.get(pid) ?? 0, bytes));
      } catch {
        // it has ended
      }
    }
  }, 50);
  return {
    stop: () => {
      clearInterval(timer);
      return peak;
    },
  };
}

/** 1,000 files a second are written and closed in as many directories as the tree has; one in ten is waited for. */
async function latency(site: Site, root: string): Promise<void> {
  const folder = join(root, 'written');
  mkdirSync(folder);
  for (let i = 0; i < 100; i++) mkdirSync(join(folder, String(i)));
  await until(async () => (await site.get('/api/v1/fs/tree?path=/written/99')).status === 200, {
    what: 'the directories',
  });
  const waits: Promise<number>[] = [];
  const startedAt = performance.now();
  for (let i = 0; i < 10_000; i++) {
    const due = startedAt + i;
    const wait = due - performance.now();
    if (wait > 1) await new Promise(resolve => setTimeout(resolve, wait));
    const name = `${i % 100}/file-${i}`;
    const descriptor = openSync(join(folder, name), 'w');
    writeSync(descriptor, 'x');
    closeSync(descriptor);
    if (i % 50 === 0) waits.push(visibleAfter(site, `/written/${name}`));
  }
  const rate = 10_000_000 / (performance.now() - startedAt);
  const ms = await Promise.all(waits);
  const against = `at ${rate.toFixed(0)} files a second, one in 50 asked for again and again`;
  const p50 = percentile(ms, 0.5);
  const p99 = percentile(ms, 0.99);
  add('closed → visible in fs/tree, p50', p50, 'ms', against, '≤ 20', p50 <= 20);
  add('closed → visible in fs/tree, p99', p99, 'ms', against, '≤ 100', p99 <= 100);
}

async function visibleAfter(site: Site, path: string): Promise<number> {
  const startedAt = performance.now();
  while ((await site.get(`/api/v1/fs/tree?max_depth=0&path=${path}`)).status !== 200) {
    await new Promise(resolve => setTimeout(resolve, 1));
  }
  return performance.now() - startedAt;
}

async function throughput(site: Site, root: string): Promise<void> {
  const folder = join(root, 'asked');
  mkdirSync(folder);
  for (let i = 0; i < 250; i++) writeFileSync(join(folder, `file-${i}-of-some-data.dat`), 'x');
  const url = `${site.url}/api/v1/fs/tree?path=/asked`;
  const isThere = async () =>
    JSON.parse((await site.get('/api/v1/fs/tree?path=/asked')).text).data?.children?.length === 250;
  await until(isThere, {what: 'the directory'});
  const {bytes} = await requestsPerSecond(url, authorization, {durationMs: 500});
  const bare = spawn(process.execPath, [join(import.meta.dirname, 'bare-hono.ts'), String(bytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = await once(bare.stdout, 'data');
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < 3; round++) {
    ours.push((await requestsPerSecond(url, authorization)).perSecond);
    theirs.push((await requestsPerSecond(`http://127.0.0.1:${Number(port)}/`, {})).perSecond);
  }
  bare.kill();
  add(
    'a directory of 250 entries, requests a second',
    median(ours) / median(theirs),
    '×',
    `bare Hono route of the same ${bytes} bytes: ${median(theirs).toFixed(0)}/s, fustor: ${median(ours).toFixed(0)}/s (2 gateways)`,
  );
}

async function restart(site: Site, label: string): Promise<void> {
  const ms: number[] = [];
  for (let round = 0; round < 5; round++) {
    await site.kill('fusion');
    const startedAt = performance.now();
    site.run('fusion');
    const first = await until(() => site.get('/api/v1/fs/tree').catch(() => undefined), {
      everyMs: 2,
      what: 'an answer',
    });
    ms.push(performance.now() - startedAt);
    if (first.status !== 200 || JSON.parse(first.text).data.children.length === 0) throw new Error('not a warm answer');
  }
  add(`kill -9, exec to first answer, ${label} files`, median(ms), 'ms', 'median of 5, the tree in the answer');
}
