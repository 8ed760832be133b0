import {type ChildProcess, spawn} from 'node:child_process';
import {hash} from 'node:crypto';
import {once} from 'node:events';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {ScriptedController} from '../../test/lib/scripted-controller.ts';
import {freePort} from '../../test/lib/site.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {spawnArguments} from '../program.ts';
import {readRecords} from '../shell/part-record.ts';
import {requestUnix} from '../unix-socket.ts';

let folder: string;
let port: number;
let controller: ScriptedController;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  const own = temporaryFolder();
  cleanups.push(() => own.remove());
  folder = own.path;
  port = await freePort();
  controller = new ScriptedController({kind: 'fusion', id: 'main'}, await freePort());
  cleanups.push(() => controller.stop());
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}, 60_000);

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

async function startFusion(option: '--config' | '--bootstrap', text: string): Promise<ChildProcess> {
  const file = join(folder, 'fusion.yaml');
  writeFileSync(file, text);
  const {executable, args} = spawnArguments('fusion', [option, file]);
  const child = spawn(executable, args, {stdio: 'ignore'});
  cleanups.push(() => end(child, 'SIGTERM'));
  // The shell itself: gateways of one before it answer, too, and one that is only starting would leave its parts behind.
  const health = {socket: join(folder, 'data/run/shell.sock'), method: 'GET', path: '/health', timeoutMs: 1_000};
  await until(() => requestUnix(health).then(Boolean, () => false), {what: 'the shell'});
  await until(() => status('/livez', 'x').then(Boolean, () => false), {what: 'the fusion'});
  return child;
}

const bootstrap = () => `fusion_id: main
control_plane_uri: ${controller.url}
auth_token: key-of-the-fusion
data: ./data
listen: "127.0.0.1:${port}"
`;

async function status(path: string, key: string): Promise<number> {
  const headers = {authorization: `Bearer ${key}`, connection: 'close'};
  return (await fetch(`http://127.0.0.1:${port}${path}`, {headers})).status;
}

const tree = (view: string, key: string) => status(`/api/v1/views/${view}/fs/tree`, key).catch(() => 0);
const pids = () => Object.fromEntries(readRecords(join(folder, 'data/run')).map(({name, pid}) => [name, pid] as const));
const keyOf = (name: string, views: string[] | '*') => ({
  ...{name, role: 'reader', views},
  sha256: hash('sha256', `key-of-${name}`),
});
const fusion = {gateways: 1, supervision: {soak: '1s'}};

test('a fusion that knows four lines serves what its controller says, and goes on with that when it is dead', async () => {
  const shell = await startFusion('--bootstrap', bootstrap());
  await controller.start();
  controller.say({fusion, views: {a: {}, bad: {cache_window: 'soon'}}, keys: [keyOf('anna', ['a'])]});
  await until(async () => (await tree('a', 'key-of-anna')) === 200, {what: 'the view'});
  const told = () => controller.heartbeat?.config.parts?.map(({name, state}) => `${name} ${state}`).join();
  await until(() => told() === 'engine-a applied,engine-bad invalid', {what: 'the view to be applied'});
  await until(() => controller.heartbeat!.views?.length === 1, {what: 'how the view is'});
  expect(controller.heartbeat).toMatchObject({
    kind: 'fusion',
    views: [{view: 'a', data: {agents: []}, meta: {sync: 'empty', leader: null}}],
    config: {origin: 'controller', desired: controller.signature},
  });

  await controller.stop();
  const before = pids();
  await end(shell, 'SIGKILL');
  await startFusion('--bootstrap', bootstrap());
  await until(async () => (await tree('a', 'key-of-anna')) === 200, {what: 'the view again'});
  expect(pids()).toEqual(before);
}, 120_000);

test('keys come and go within a second without another gateway; what the file says stays beside them', async () => {
  await controller.start();
  controller.say({fusion, views: {b: {}}, keys: []});
  await startFusion(
    '--config',
    `fusion: {id: main, listen: "127.0.0.1:${port}", data: ./data, gateways: 2, control_plane_uri: "${controller.url}", auth_token: key-of-the-fusion}
views: {a: {}}
keys:
  - {name: own, role: reader, key: key-of-own, views: "*"}
  - {name: anna, role: reader, key: first-of-anna, views: [a]}
`,
  );
  await until(async () => (await tree('b', 'key-of-own')) === 200, {what: 'the view of the topology'});
  expect(await tree('a', 'key-of-own')).toBe(200);
  await until(() => Object.keys(pids()).filter(name => name.startsWith('gateway')).length === 1, {what: 'one gateway'});
  const before = pids();

  controller.say({fusion, views: {b: {}}, keys: [keyOf('anna', ['b'])]});
  const saidAt = performance.now();
  await until(async () => (await tree('b', 'key-of-anna')) === 200, {what: 'the new key', everyMs: 5});
  expect(performance.now() - saidAt).toBeLessThan(2_000);
  await until(async () => (await tree('a', 'first-of-anna')) === 401, {what: 'the end of the earlier key'});
  controller.say({fusion, views: {b: {}}, keys: []});
  await until(async () => (await tree('b', 'key-of-anna')) === 401, {what: 'the end of the key'});
  expect(await tree('a', 'first-of-anna')).toBe(200);
  expect(pids()).toEqual(before);
}, 120_000);

test('a gateway that is killed is started again with the keys that count', async () => {
  await controller.start();
  await startFusion('--bootstrap', bootstrap());
  controller.say({fusion, views: {a: {}}, keys: []});
  await until(() => pids()['engine-a'], {what: 'the engine'});
  controller.say({fusion, views: {a: {}}, keys: [keyOf('anna', '*')]});
  await until(async () => (await tree('a', 'key-of-anna')) === 200, {what: 'the key'});
  for (const [name, pid] of Object.entries(pids())) if (name.startsWith('gateway')) process.kill(pid, 'SIGKILL');
  await until(async () => (await tree('a', 'key-of-anna')) === 200, {what: 'the key again'});
}, 120_000);

test('a fusion that embeds a controller is a node of it, and says so with a key of its own', async () => {
  await startFusion(
    '--config',
    `fusion: {listen: "127.0.0.1:${port}", data: ./data, gateways: 1, embed_controller: true}
views: {a: {}}
keys: [{name: ops, role: operator, key: key-of-ops, views: "*"}]
`,
  );
  const shown = async () => {
    const headers = {authorization: 'Bearer key-of-ops'};
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/fusions/main`, {headers});
    return response.status === 200
      ? (JSON.parse(await response.text()) as {data: {id: string; state: string}})
      : undefined;
  };
  const {data} = await until(shown, {what: 'the fusion in its controller'});
  expect(data).toMatchObject({id: 'main', state: 'online'});
}, 120_000);
