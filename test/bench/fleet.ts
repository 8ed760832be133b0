import {type ChildProcess, fork, spawn} from 'node:child_process';
import {once} from 'node:events';
import {openSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {freePort} from '../lib/site.ts';
import {temporaryFolder} from '../lib/temporary-folder.ts';
import {until} from '../lib/until.ts';
import type {Told} from './fleet-agents.ts';
import {anonymousBytes, cpuMs} from './gateway.ts';
import {percentile} from './load.ts';

/**
 * One built controller and a fleet of simulated agents on the same machine: what it costs when nothing happens, how soon a
 * change has reached all of them, and how they come back after `kill -9`. `npm run bench:fleet -- [agents] [source]`: with
 * `source` the controller runs from the sources, with a CPU profile in the current folder when it ends.
 */
const agents = Number(process.argv[2] ?? 1_000);
const fromSource = process.argv[3] === 'source';
const processes = 2;
const idleMs = 40_000;
const changes = 5;
const bucketMs = 100;
const goals = {rssMiB: 150, cores: 0.1, changeMs: 3_000, bucketShare: 0.1};

const root = join(import.meta.dirname, '../..');
const keys = {admin: 'key-of-the-administrator', agent: 'key-of-the-agents'};
const rows: {what: string; measured: string; goal: string; holds: boolean}[] = [];

using folder = temporaryFolder('fustor-fleet-');
const port = await freePort();
const url = `http://127.0.0.1:${port}`;
const config = join(folder.path, 'controller.yaml');
writeFileSync(
  config,
  `controller: { listen: "127.0.0.1:${port}", data: ./controller, log_level: warn }
keys:
  - { name: root, role: admin, key: ${keys.admin}, views: "*" }
  - { name: agents, role: agent, key: ${keys.agent}, views: "*" }
`,
);
let controller = await startController();
let revision = 0;
await change();
const fleets = Array.from({length: processes}, (_, index) => {
  const share = Math.ceil(agents / processes);
  const args = [url, keys.agent, index * share, Math.min(share, agents - index * share)].map(String);
  return fork(join(import.meta.dirname, 'fleet-agents.ts'), args, {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
});
try {
  await measureIdle();
  for (let i = 0; i < changes; i++) await measureChange();
  await measureHerd();
  console.table(rows);
  process.exitCode = rows.every(({holds}) => holds) ? 0 : 1;
} finally {
  for (const fleet of fleets) fleet.kill();
  controller.kill();
  await once(controller, 'exit');
}

async function measureIdle(): Promise<void> {
  await until(async () => (await heardSince(0)) === agents, {timeoutMs: 120_000, everyMs: 500, what: 'all agents'});
  await delay(10_000);
  const cpuBefore = cpuMs({child: controller, port});
  const startedAt = performance.now();
  await delay(idleMs);
  const cores = (cpuMs({child: controller, port}) - cpuBefore) / (performance.now() - startedAt);
  note('processor when nothing happens', `${cores.toFixed(3)} cores`, `< ${goals.cores}`, cores < goals.cores);
  noteMemory('memory when nothing happens');
}

/** From when an operator sends it to when the controller has heard of each agent that it runs, as others can see. */
async function measureChange(): Promise<void> {
  await ask();
  const before = await runningSignatures();
  const startedAt = Date.now();
  await change();
  const storedMs = Date.now() - startedAt;
  const heardMs = new Map<string, number>();
  await until(
    async () => {
      for (const [id, signature] of await runningSignatures()) {
        if (signature !== before.get(id) && !heardMs.has(id)) heardMs.set(id, Date.now() - startedAt);
      }
      return heardMs.size >= agents;
    },
    {timeoutMs: 60_000, everyMs: 200, what: 'a change at all agents'},
  );
  const pulledMs = (await ask()).flatMap(({pulledAt}) => pulledAt.map(at => at - startedAt));
  const heard = [...heardMs.values()];
  const p99 = percentile(heard, 0.99);
  const figures = [0.5, 0.99, 1].map(part => `${percentile(pulledMs, part)}/${percentile(heard, part)}`).join(', ');
  const measured = `stored ${storedMs}; p50, p99, max ${figures} ms`;
  note('a change pulled/acknowledged by all', measured, `p99 < ${goals.changeMs}`, p99 < goals.changeMs);
}

async function measureHerd(): Promise<void> {
  noteMemory('memory after changes');
  await ask();
  const killedAt = Date.now();
  controller.kill('SIGKILL');
  await once(controller, 'exit');
  controller = await startController();
  const upAt = Date.now();
  let allMs = 0;
  await until(async () => (await heardSince(killedAt)) === agents, {
    timeoutMs: 120_000,
    everyMs: 250,
    what: 'all agents',
  });
  allMs = Date.now() - upAt;
  const connectedAt = (await ask()).flatMap(told => told.connectedAt);
  const buckets = new Map<number, number>();
  for (const at of connectedAt) {
    const bucket = Math.floor((at - upAt) / bucketMs);
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }
  const share = Math.max(...buckets.values()) / connectedAt.length;
  const lasting = [...buckets.keys()];
  const span = `${connectedAt.length} connections in ${Math.max(...lasting) - Math.min(...lasting) + 1} buckets`;
  note(
    `most within ${bucketMs} ms after a restart`,
    `${(share * 100).toFixed(1)} % of ${span}`,
    `< ${goals.bucketShare * 100} %`,
    share < goals.bucketShare,
  );
  note('until all were heard', `${allMs} ms`, '', true);
  noteMemory('memory after that');
  const bars = [...buckets].sort(([a], [b]) => a - b);
  for (const [bucket, count] of bars) console.log(`${String(bucket * bucketMs).padStart(6)} ms  ${count}`);
}

/** Something that is in every agent's manifest. */
async function change(): Promise<void> {
  const names = Array.from({length: agents}, (_, i) => `node-${String(i).padStart(4, '0')}`);
  const site = `datastores: { home: {} }
fusions: { f1: { url: "http://fusion.example.org:8102" } }
views: { home: { datastore: home, fusion: f1 } }
sources: { mount: { path: /mnt/home, exclude: ["**/revision-${++revision}/**"] } }
senders: { main: { fusion: f1 } }
pipes: { home: { source: mount, sender: main, view: home } }
`;
  const ofAgents = `agents:\n${names.map(name => `  ${name}: { pipes: [home] }\n`).join('')}`;
  await api('POST', '/api/v1/apply', {files: {'site.yaml': site, 'agents.yaml': ofAgents}});
}

/** What every agent runs, as the controller has heard. */
async function runningSignatures(): Promise<Map<string, string | undefined>> {
  const {data} = (await api('GET', '/api/v1/agents')) as {data: {id: string; config: {running?: string}}[]};
  return new Map(data.map(({id, config}) => [id, config.running]));
}

/** How many agents were heard after a moment. */
async function heardSince(moment: number): Promise<number> {
  const {data} = (await api('GET', '/api/v1/agents')) as {data: {seen_at: string}[]};
  return data.filter(({seen_at}) => Date.parse(seen_at) > moment).length;
}

async function api(method: string, path: string, body?: object): Promise<unknown> {
  const headers = {authorization: `Bearer ${keys.admin}`};
  const response = await fetch(url + path, {method, headers, ...(body && {body: JSON.stringify(body)})});
  if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${await response.text()}`);
  return response.json();
}

/** What the simulated agents have to tell since they were asked last. */
function ask(): Promise<Told[]> {
  return Promise.all(
    fleets.map(async fleet => {
      fleet.send('tell');
      const [told] = await once(fleet, 'message');
      return told as Told;
    }),
  );
}

async function startController(): Promise<ChildProcess> {
  const log = openSync(join(folder.path, 'controller.log'), 'a');
  const source = ['--disable-warning=ExperimentalWarning', '--cpu-prof', join(root, 'cmd/controller/main.ts')];
  const [program, ...args] = fromSource ? [process.execPath, ...source] : [join(root, 'dist/fustor-controller')];
  const child = spawn(program!, [...args, '--config', config], {stdio: ['ignore', 'ignore', log]});
  const answers = () =>
    fetch(`${url}/livez`).then(
      ({ok}) => ok,
      () => false,
    );
  await until(answers, {everyMs: 5, what: 'an answer of the controller'}).catch(error => {
    throw new Error(`${error.message}: ${readFileSync(join(folder.path, 'controller.log'), 'utf8')}`);
  });
  return child;
}

function noteMemory(what: string): void {
  const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${controller.pid}/status`, 'utf8'))![1]) / 1024;
  const own = anonymousBytes({child: controller, port}) / 2 ** 20;
  const measured = `${resident.toFixed(0)} MiB, ${own.toFixed(0)} of its own`;
  note(what, measured, `< ${goals.rssMiB} MiB`, resident < goals.rssMiB);
}

function note(what: string, measured: string, goal: string, holds: boolean): void {
  rows.push({what, measured, goal, holds});
  console.log(`${what}: ${measured}`);
}
