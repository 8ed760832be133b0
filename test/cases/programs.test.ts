import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {readRecords} from '../../cmd/shell/part-record.ts';
import {Site} from '../lib/site.ts';

const dist = join(import.meta.dirname, '../../dist');
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'fustor-programs-'));
  cleanups.push(() => rmSync(path, {recursive: true, force: true}));
  return path;
}

async function siteOn(directory: string): Promise<Site> {
  const site = new Site(directory);
  cleanups.push(() => site.dispose());
  return site.start();
}

for (const name of ['fustor-agent', 'fustor-fusion', 'fustor-controller', 'fustorctl']) {
  test(`${name} tells its version with an empty environment`, () => {
    const {status, stdout} = spawnSync(join(dist, name), ['--version'], {env: {}, encoding: 'utf8'});
    expect({status, stdout}).toEqual({status: 0, stdout: expect.stringMatching(/\d+\.\d+\.\d+/)});
  });

  test(`${name} refuses an unknown command with exit 2 and says what there is`, () => {
    const {status, stderr} = spawnSync(join(dist, name), ['no-such-command'], {env: {}, encoding: 'utf8'});
    expect({status, stderr}).toEqual({status: 2, stderr: expect.stringContaining('no-such-command')});
  });
}

function start(role: 'agent' | 'fusion', yaml: string): {status: number | null; stderr: string} {
  const file = join(folder(), 'fustor.yaml');
  writeFileSync(file, yaml);
  return spawnSync(join(dist, `fustor-${role}`), ['--config', file], {
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
}

test('a mistake in the configuration stops a program with exit 10, its line and column and the nearest setting', () => {
  const {status, stderr} = start('fusion', 'fusion: { listn: 127.0.0.1:1, data: ./d }\n');
  expect({status, stderr}).toEqual({status: 10, stderr: expect.stringMatching(/fustor\.yaml:1:11.*listen/s)});
});

test('a program whose section is missing says so', () => {
  expect(start('agent', 'fusion: { data: ./d }\n')).toMatchObject({
    status: 10,
    stderr: expect.stringContaining('"agent"'),
  });
});

test('a taken port stops the fusion with exit 11 and a message that names it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as {port: number};
  const file = join(folder(), 'fustor.yaml');
  writeFileSync(file, `fusion: { listen: "127.0.0.1:${port}", data: ./d }\n`);
  const child = spawn(join(dist, 'fustor-fusion'), ['--config', file], {stdio: ['ignore', 'ignore', 'pipe']});
  let stderr = '';
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  const [code] = await once(child, 'exit');
  server.close();
  expect({code, stderr}).toEqual({code: 11, stderr: expect.stringContaining(`127.0.0.1:${port}`)});
});

test('a fusion that cannot use its key ends with exit 10 and has started nothing', () => {
  const data = join(folder(), 'data');
  const tls = '{ certificate: /proc/nothing/cert.pem, key: /proc/nothing/key.pem }';
  const yaml = `fusion: { listen: "127.0.0.1:0", data: ${data}, tls: ${tls} }\nviews: { a: {} }\n`;
  expect(start('fusion', yaml)).toMatchObject({status: 10, stderr: expect.stringContaining('/proc/nothing/key.pem')});
  expect(readRecords(join(data, 'run'))).toEqual([]);
});

test('a data directory that cannot be made stops a program with exit 12', () => {
  expect(start('fusion', 'fusion: { listen: 127.0.0.1:0, data: /proc/nothing/here }\n')).toMatchObject({
    status: 12,
    stderr: expect.stringContaining('/proc/nothing/here'),
  });
});

test('both stop cleanly on SIGTERM with exit 0, leave no process, and log JSON lines', async () => {
  const site = await siteOn(folder());
  await site.live();
  const pids = [...site.pids('fusion'), ...site.pids('agent')];
  expect(pids.length).toBe(1 + 2 + 1 + 1 + 1);
  // Node would open its inspector, to anybody on this host, and say so in a line that is no JSON.
  for (const pid of pids) process.kill(pid, 'SIGUSR1');
  expect([await site.stop('agent'), await site.stop('fusion')]).toEqual([0, 0]);
  expect(pids.filter(pid => isRunning(pid))).toEqual([]);
  for (const role of ['agent', 'fusion'] as const) {
    const lines = site.log(role).trim().split('\n');
    expect(lines.map(line => JSON.parse(line)).every(({time, message}) => time && message)).toBe(true);
  }
});

test('fustorctl lists, shows and tells the status of a real fusion', async () => {
  const directory = folder();
  writeFileSync(join(directory, 'a file'), 'x');
  const site = await siteOn(directory);
  await site.live();
  const run = (...args: string[]) =>
    spawnSync(join(dist, 'fustorctl'), [...args, '--endpoint', site.url], {
      encoding: 'utf8',
      env: {FUSTOR_KEY: 'key-of-the-scripts'},
    });
  const tree = run('tree', '-R', '-o', 'json');
  expect({status: tree.status, stderr: tree.stderr}).toEqual({status: 0, stderr: ''});
  expect(JSON.parse(tree.stdout).data.children).toMatchObject([{name: 'a file', size: 1}]);
  expect(run('stat', '/a file').stdout).toContain('file');
  expect(run('status')).toMatchObject({status: 0, stdout: expect.stringContaining('live')});
  expect(run('stat', '/nothing')).toMatchObject({status: 1, stderr: expect.stringContaining('/nothing')});
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
