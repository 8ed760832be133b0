import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, expect, test} from 'vitest';
import type {ConfigReport, PartConfigReport} from '../../core/control/protocol.ts';
import {ScriptedController} from '../../test/lib/scripted-controller.ts';
import {freePort} from '../../test/lib/site.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {spawnArguments} from '../program.ts';
import {readRecords} from '../shell/part-record.ts';
import {processState} from '../shell/process-table.ts';
import {requestUnix} from '../unix-socket.ts';

const key = 'key-of-the-agent';
let fusion: {url: string; stop: () => Promise<void>};
let folder: string;
let controller: ScriptedController;
const cleanups: (() => unknown)[] = [];

beforeAll(async () => {
  const own = temporaryFolder();
  const port = await freePort();
  const file = join(own.path, 'fustor.yaml');
  writeFileSync(
    file,
    `fusion: {listen: "127.0.0.1:${port}", data: ./fusion, gateways: 1}
keys: [{name: agents, role: agent, key: ${key}, views: "*"}]
views: {a: {}, b: {}}
`,
  );
  const child = run('fusion', ['--config', file]);
  const url = `http://127.0.0.1:${port}`;
  const isUp = () =>
    fetch(`${url}/livez`).then(
      ({ok}) => ok,
      () => false,
    );
  await until(isUp, {what: 'the fusion'});
  const stop = async () => {
    await end(child, 'SIGTERM');
    own.remove();
  };
  fusion = {url, stop};
});
afterAll(() => fusion.stop());

beforeEach(async () => {
  const own = temporaryFolder();
  cleanups.push(() => own.remove());
  folder = own.path;
  for (const name of ['a', 'b', 'c']) mkdirSync(join(folder, 'mnt', name), {recursive: true});
  controller = new ScriptedController({kind: 'agent', id: 'node-a'}, await freePort());
  cleanups.push(() => controller.stop());
  const lines = [`agent_id: node-a`, `control_plane_uri: ${controller.url}`, `auth_token: ${key}`, 'data: ./data'];
  writeFileSync(join(folder, 'bootstrap.yaml'), `${lines.join('\n')}\n`);
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}, 60_000);

function run(program: 'agent' | 'fusion', given: string[]): ChildProcess {
  const {executable, args} = spawnArguments(program, given);
  return spawn(executable, args, {stdio: 'ignore'});
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

function startAgent(...args: string[]): ChildProcess {
  const child = run('agent', args.length > 0 ? args : ['--bootstrap', join(folder, 'bootstrap.yaml')]);
  cleanups.push(() => end(child, 'SIGTERM'));
  return child;
}

/** Pipes, each from `mnt/NAME` to the view NAME, with what is different. */
function config(pipes: Record<string, {pipe?: object; source?: object}>) {
  const each = <T>(make: (name: string, more: {pipe?: object; source?: object}) => T) =>
    Object.fromEntries(Object.entries(pipes).map(([name, more]) => [name, make(name, more)]));
  return {
    agent: {supervision: {soak: '1s'}},
    sources: each((name, {source}) => ({path: `mnt/${name}`, ...source})),
    senders: {main: {url: fusion.url}},
    pipes: each((name, {pipe}) => ({source: name, sender: 'main', view: name, ...pipe})),
  };
}

type Told = Omit<ConfigReport, 'parts'> & {parts: PartConfigReport[]};

/** How the agent's shell says that it is. */
async function told(): Promise<Told | undefined> {
  try {
    const socket = join(folder, 'data/run/shell.sock');
    const {body} = await requestUnix({socket, method: 'GET', path: '/health', timeoutMs: 1_000});
    return JSON.parse(body.toString()).data.config;
  } catch {
    return undefined;
  }
}

function become(wanted: Record<string, PartConfigReport['state']>): Promise<Told> {
  return until(
    async () => {
      const now = await told();
      const states = Object.fromEntries(
        now?.parts.map(({name, state}) => [name.slice('payload-'.length), state]) ?? [],
      );
      return now && JSON.stringify(states) === JSON.stringify(wanted) ? now : undefined;
    },
    {what: `the states ${JSON.stringify(wanted)}`},
  );
}

const pids = () =>
  Object.fromEntries(readRecords(join(folder, 'data/run')).map(({name, pid}) => [name.slice('payload-'.length), pid]));
const partOf = ({parts}: Told, name: string) => parts.find(part => part.name === `payload-${name}`)!;

test('an agent that knows three lines runs nothing, says why, and then what its controller says', async () => {
  startAgent();
  const before = await until(async () => {
    const now = await told();
    return now?.last_failed?.reason.includes('ECONNREFUSED') ? now : undefined;
  });
  expect(before.parts).toEqual([]);
  await controller.start();
  await until(async () => (await told())?.last_failed?.reason.includes('answered 404'), {what: 'an answer'});
  controller.say(config({a: {}, b: {}}));
  const saidAt = performance.now();
  await until(() => Object.keys(pids()).length === 2, {what: 'two payloads', everyMs: 5});
  expect(performance.now() - saidAt).toBeLessThan(2_000);
  const now = await become({a: 'applied', b: 'applied'});
  expect(now).toMatchObject({origin: 'controller', desired: controller.signature, running: controller.signature});
  expect(now.last_failed).toBeUndefined();
  await until(() => controller.heartbeat!.config.running === controller.signature, {what: 'the controller to hear'});
}, 120_000);

test('a field of one pipe restarts that one alone; what does not validate goes on as it was', async () => {
  await controller.start();
  controller.say(config({a: {}, b: {}}));
  startAgent();
  await become({a: 'applied', b: 'applied'});
  const before = pids();
  const reordered = config({b: {}, a: {pipe: {audit_interval: '12h'}}});
  controller.say(reordered);
  await until(async () => (await told())?.running === controller.signature, {what: 'another manifest of the same'});
  expect(pids()).toEqual(before);

  controller.say(
    config({a: {pipe: {audit_interval: '6h'}}, b: {pipe: {audit_interval: 'soon'}}, c: {source: {walkers: 0}}}),
  );
  const now = await become({a: 'applied', b: 'invalid', c: 'invalid'});
  const after = pids();
  expect(after.b).toBe(before.b);
  expect(after.a).not.toBe(before.a);
  expect(after.c).toBeUndefined();
  expect(partOf(now, 'b')).toMatchObject({desired: null, last_failed: {reason: expect.stringContaining('"soon"')}});
  expect(partOf(now, 'b').running).toEqual(expect.any(String));
  expect(partOf(now, 'c')).toMatchObject({running: null, last_failed: {reason: expect.stringContaining('walkers')}});
  expect(now).toMatchObject({state: 'running', desired: controller.signature});
  expect(now.running).not.toBe(controller.signature);

  controller.say(config({b: {}}));
  await become({b: 'applied'});
  await until(() => pids().a === undefined, {what: 'the end of a'});
  expect(pids()).toEqual({b: before.b});
}, 120_000);

test('what looks where nothing is goes back to what was applied, with the controller dead, and is not taken again', async () => {
  await controller.start();
  controller.say(config({a: {}}));
  const shell = startAgent();
  const good = partOf(await become({a: 'applied'}), 'a').running;
  controller.say(config({a: {source: {path: 'mnt/typing-mistake'}}}));
  await until(async () => (await told())?.desired === controller.signature, {what: 'what is new'});
  await controller.stop();
  const now = partOf(await become({a: 'rolled_back'}), 'a');
  expect(now).toMatchObject({
    last_failed: {hash: now.desired, reason: expect.stringContaining('typing-mistake: it does not exist')},
  });
  await until(async () => partOf((await told())!, 'a').running === good, {what: 'what was applied'});
  const {a: pid} = pids();

  await end(shell, 'SIGKILL');
  startAgent();
  await become({a: 'rolled_back'});
  expect(pids().a).toBe(pid);
  await controller.start();
  controller.say(config({a: {source: {path: 'mnt/b'}}}));
  await become({a: 'applied'});
}, 120_000);

test('a payload that dies and dies with what is new goes back; one that was applied and dies does not', async () => {
  await controller.start();
  controller.say({...config({a: {}}), agent: {supervision: {soak: '4s'}}});
  startAgent();
  await become({a: 'applied'});
  for (let deaths = 0; deaths < 3; deaths++) await kill('a');
  expect(partOf((await told())!, 'a')).toMatchObject({state: 'applied'});
  controller.say({...config({a: {pipe: {audit_interval: '6h'}}}), agent: {supervision: {soak: '4s'}}});
  await become({a: 'soaking'});
  for (let deaths = 0; deaths < 3; deaths++) await kill('a');
  const now = await become({a: 'rolled_back'});
  expect(partOf(now, 'a').last_failed!.reason).toMatch(
    /^It died 3 times before it was applied. It was ended by SIGKILL/,
  );
}, 120_000);

test('with the controller dead and its cache damaged a new shell leaves everything running, and says why', async () => {
  await controller.start();
  controller.say(config({a: {}, b: {}}));
  const shell = startAgent();
  await become({a: 'applied', b: 'applied'});
  await controller.stop();
  const before = pids();
  await end(shell, 'SIGKILL');
  const file = join(folder, 'data/manifest');
  const bytes = readFileSync(file);
  bytes[bytes.byteLength >> 1]! ^= 1;
  writeFileSync(file, bytes);
  const second = startAgent();
  const now = await become({a: 'applied', b: 'applied'});
  expect(pids()).toEqual(before);
  expect(now).toMatchObject({state: 'refused', origin: 'cache', desired: controller.signature});
  expect(now.last_failed!.reason).toContain('The manifest is refused: its bytes have the SHA-256');

  await end(second, 'SIGKILL');
  writeFileSync(join(folder, 'data/applied'), 'x');
  startAgent();
  await until(async () => (await told())?.last_failed, {what: 'the shell'});
  expect(pids()).toEqual(before);
  await controller.start();
  await become({a: 'applied', b: 'applied'});
  expect(pids()).toEqual(before);
}, 120_000);

test('a shell that does not know what is wanted ends what it found when it is told to stop', async () => {
  await controller.start();
  controller.say(config({a: {}, b: {}}));
  const shell = startAgent();
  await become({a: 'applied', b: 'applied'});
  await controller.stop();
  const before = Object.values(pids());
  await end(shell, 'SIGKILL');
  rmSync(join(folder, 'data/manifest'));
  rmSync(join(folder, 'data/applied'));
  const second = startAgent();
  await until(async () => (await told())?.last_failed, {what: 'the shell'});
  expect(Object.values(pids())).toEqual(before);
  await end(second, 'SIGTERM');
  expect(second.exitCode).toBe(0);
  expect(before.filter(pid => processState(pid))).toEqual([]);
}, 120_000);

test('a controller that says nothing leaves local files in force, one broken file only its own pipes; then its word counts', async () => {
  await controller.start();
  const {sources, senders, pipes} = config({a: {}, b: {}});
  const own = {main: {...senders.main, key}};
  mkdirSync(join(folder, 'agent-config'));
  const write = (name: string, content: unknown) =>
    writeFileSync(join(folder, 'agent-config', name), typeof content === 'string' ? content : JSON.stringify(content));
  const absolute = Object.fromEntries(Object.keys(sources).map(name => [name, {path: join(folder, 'mnt', name)}]));
  write('10-all.yaml', {sources: absolute, senders: own});
  write('20-a.yaml', {pipes: {a: pipes.a}, agent: {supervision: {soak: '1s'}}});
  write('30-b.yaml', {pipes: {b: pipes.b}});
  const shell = startAgent();
  const now = await become({a: 'applied', b: 'applied'});
  expect(now).toMatchObject({origin: 'file', state: 'running'});
  const before = pids();
  write('30-b.yaml', 'pipes: {b: {');
  shell.kill('SIGHUP');
  const broken = await become({a: 'applied', b: 'invalid'});
  expect(broken).toMatchObject({state: 'refused', last_failed: {reason: expect.stringContaining('30-b.yaml:1:')}});
  expect(pids()).toEqual(before);

  controller.say(config({a: {}}));
  const then = await become({a: 'applied'});
  expect(then.origin).toBe('controller');
}, 120_000);

test('a file with pipes and a controller is in force until the controller says something', async () => {
  const {sources, senders, pipes} = config({a: {}});
  const agent = {
    ...{id: 'node-a', data: './data', supervision: {soak: '1s'}},
    ...{control_plane_uri: controller.url, auth_token: key},
  };
  writeFileSync(join(folder, 'fustor.yaml'), JSON.stringify({agent, sources, senders, pipes}));
  startAgent('--config', join(folder, 'fustor.yaml'));
  expect(await become({a: 'applied'})).toMatchObject({origin: 'file'});
  const {a: pid} = pids();
  await controller.start();
  controller.say(config({a: {}, b: {}}));
  expect(await become({a: 'applied', b: 'applied'})).toMatchObject({origin: 'controller'});
  expect(pids().a).toBe(pid);
}, 120_000);

test('a shell reads again, tells its log and those of its parts, and has a pipe that leads scan', async () => {
  await controller.start();
  controller.say(config({a: {}}));
  startAgent();
  await become({a: 'applied'});
  expect(await controller.order({part: null, command: 'reload'})).toMatchObject({outcome: 'done'});
  const own = await controller.order({part: null, command: 'logs', arguments: {lines: 3}});
  expect(own.data!.text!.trimEnd().split('\n')).toHaveLength(3);
  expect(own.data!.text).toContain('a command of the controller');
  const part = await controller.order({part: 'payload-a', command: 'logs', arguments: {lines: 1_000}});
  expect(part.data!.text).toContain('session opened');
  writeFileSync(join(folder, 'mnt/a/file'), 'x');
  const scan = await controller.order({part: 'payload-a', command: 'scan', arguments: {path: '/'}});
  expect(scan).toMatchObject({outcome: 'done', message: expect.stringContaining('The scan of / begins')});
  await until(
    async () => {
      const {data} = await controller.order({part: 'payload-a', command: 'logs', arguments: {lines: 1_000}});
      return data!.text!.includes('on_demand');
    },
    {what: 'the scan in the log'},
  );
  const failed = await controller.order({part: 'payload-x', command: 'scan'});
  expect(failed).toMatchObject({outcome: 'failed', message: 'There is no part "payload-x"; parts: payload-a.'});
}, 120_000);

/** Waits until another process has taken its place. */
async function kill(name: string): Promise<void> {
  const pid = pids()[name]!;
  process.kill(pid, 'SIGKILL');
  await until(() => pids()[name] !== undefined && pids()[name] !== pid, {what: `another process of ${name}`});
}
