import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import type {Log} from '../../core/log/log.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {PartReport} from '../../core/shell/part-report.ts';
import {freePort} from '../../test/lib/site.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {spawnArguments} from '../program.ts';
import {systemClock} from '../system-clock.ts';
import {ControlPlane} from './control-plane.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A real controller on a folder of its own, to be killed and started again. */
async function startController() {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  const port = await freePort();
  const file = join(folder.path, 'fustor.yaml');
  const configure = (key: string) =>
    writeFileSync(
      file,
      `controller: {listen: "127.0.0.1:${port}", data: ./controller}
keys:
  - {name: agents, role: agent, key: ${key}, views: "*"}
  - {name: ops, role: operator, key: key-of-operators, views: "*"}
`,
    );
  configure('key-of-agents');
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess;
  const start = async () => {
    const {executable, args} = spawnArguments('controller', ['--config', file]);
    child = spawn(executable, args, {stdio: ['ignore', 'ignore', 'ignore']});
    await until(
      () =>
        fetch(`${url}/livez`).then(
          ({ok}) => ok,
          () => false,
        ),
      {what: 'the controller'},
    );
  };
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    child.kill(signal);
    await once(child, 'exit');
    return child.exitCode;
  };
  cleanups.push(() => end('SIGKILL'));
  await start();
  const ask = async (path: string, body?: object) => {
    const headers = {authorization: 'Bearer key-of-operators', 'content-type': 'application/json'};
    const sent = body ? {method: 'POST', body: JSON.stringify(body)} : {};
    const response = await fetch(`${url}/api/v1/${path}`, {headers, ...sent});
    return JSON.parse(await response.text()).data;
  };
  return {url, start, end, ask, configure, reload: () => child.kill('SIGHUP')};
}

function startPlane() {
  const changed = new Signal();
  const executed: string[] = [];
  let part: PartReport = {
    name: 'payload-p',
    state: 'running',
    pid: 42,
    startedAt: Date.now(),
    starts: 1,
    memoryBytes: 1_000,
    retryAt: undefined,
    lastDeath: undefined,
    health: undefined,
  };
  const plane = new ControlPlane({
    report: () => [part],
    config: () => ({state: 'running'}),
    changed: [changed],
    execute: async ({command, part}) => {
      executed.push(`${command} ${part}`);
      return {message: 'It was done.'};
    },
    clock: systemClock,
    random: Math.random,
    log,
  });
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  cleanups.push(() => plane.stop());
  const to = (url: string, authToken = 'key-of-agents') =>
    plane.apply({kind: 'agent', id: 'node-a', url, authToken, directory: folder.path});
  const become = (more: Partial<PartReport>) => {
    part = {...part, ...more};
    changed.raise();
  };
  return {plane, to, become, executed};
}

test('a death is known in the controller within two seconds, and a command is done within two', async () => {
  const {url, ask} = await startController();
  const {to, become, executed} = startPlane();
  await to(url);
  await until(() => ask('agents/node-a'), {what: 'the agent'});

  const lastDeath = {
    ...{at: Date.now(), cause: 'signal' as const, code: null, signal: 'SIGKILL', pid: 42, uptimeMs: 5},
    ...{detail: 'It was killed.', stderr: 'caf\u00e9 \ufffd\n'},
  };
  const diedAt = performance.now();
  become({state: 'backoff', pid: undefined, lastDeath});
  const told = await until(async () => (await ask('agents/node-a')).parts[0].last_death, {what: 'the death'});
  expect(performance.now() - diedAt).toBeLessThan(2_000);
  expect(told).toMatchObject({signal: 'SIGKILL', stderr: 'caf\u00e9 \ufffd\n'});

  const orderedAt = performance.now();
  const {id} = await ask('agents/node-a/commands', {command: 'restart', pipe: 'p'});
  await until(async () => (await ask(`agents/node-a/commands/${id}`)).state === 'done', {what: 'the end'});
  expect(performance.now() - orderedAt).toBeLessThan(2_000);
  expect(executed).toEqual(['restart payload-p']);
});

test('a controller that is killed and started again knows all, and the agent finds it again', async () => {
  const {url, ask, start, end} = await startController();
  const {to, become, executed} = startPlane();
  await to(url);
  await until(() => ask('agents/node-a'), {what: 'the agent'});
  for (let round = 0; round < 2; round++) {
    const {id} = await ask('agents/node-a/commands', {command: 'kill', pipe: 'p'});
    await end('SIGKILL');
    await start();
    const command = await until(
      async () => {
        const found = await ask(`agents/node-a/commands/${id}`);
        return found?.state === 'done' && found;
      },
      {what: 'the end of the command'},
    );
    expect(command).toMatchObject({pipe: 'p', ordered_by: 'ops'});
    expect(executed).toHaveLength(round + 1);
  }
  become({state: 'quarantined'});
  await until(async () => (await ask('agents/node-a')).parts[0].state === 'quarantined');
}, 60_000);

test('a controller that is stopped answers what it holds and exits with 0', async () => {
  const {url, ask, end} = await startController();
  const {to} = startPlane();
  await to(url);
  await until(() => ask('agents/node-a'), {what: 'the agent'});
  const startedAt = performance.now();
  expect(await end('SIGTERM')).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test('keys are read again on SIGHUP; another address or none is a change of the link', async () => {
  const {url, ask, configure, reload} = await startController();
  const {plane, to} = startPlane();
  await to('http://127.0.0.1:1', 'another-key');
  await to(url, 'another-key');
  configure('another-key');
  reload();
  await until(() => ask('agents/node-a'), {what: 'the agent, with its new key'});
  await plane.apply(undefined);
  expect((await ask('agents/node-a')).state).toBe('online');
});
