import {spawnSync} from 'node:child_process';
import {readdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {temporaryFolder} from '../lib/temporary-folder.ts';

const dist = join(import.meta.dirname, '../../dist');
const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

function site(): string {
  const {path, remove} = temporaryFolder();
  cleanups.push(remove);
  writeFileSync(
    join(path, 'fustor.yaml'),
    `fusion: { listen: "[::1]:8102", data: ./fusion }
agent: { id: a, data: /var/lib/fustor/agent }
controller: { data: /var/lib/fustor/controller }
`,
  );
  return path;
}

function install(executable: string, folder: string, ...args: string[]) {
  const all = ['install', '--config', join(folder, 'fustor.yaml'), '--user', 'root', ...args];
  const {status, stdout, stderr} = spawnSync(executable, all, {encoding: 'utf8', env: {}});
  return {status, stdout, stderr};
}

for (const role of ['agent', 'fusion'] as const) {
  test(`fustor-${role} install --dry-run prints units that start this executable, with an empty environment`, () => {
    const folder = site();
    const executable = join(dist, `fustor-${role}`);
    const {status, stdout, stderr} = install(executable, folder, '--dry-run');
    expect({status, stderr}).toEqual({status: 0, stderr: ''});
    const command = `${executable} --config ${folder}/fustor.yaml`;
    expect(stdout).toContain(`# /etc/systemd/system/fustor-${role}.service\n`);
    expect(stdout).toContain(`\nExecStart=${command}\n`);
    expect(stdout).toContain(`\nExecStopPost=${command.replace(' ', ' end-parts ')}\n`);
    expect(stdout.includes('ListenStream=[::1]:8102')).toBe(role === 'fusion');
    expect(readdirSync(folder)).toEqual(['fustor.yaml']);
  });
}

test('the name under which it was started stands in the unit, so that a link may lead to another version later', () => {
  const folder = site();
  const link = join(folder, 'current');
  symlinkSync(join(dist, 'fustor-agent'), link);
  expect(install(link, folder, '--dry-run').stdout).toContain(`\nExecStart=${link} --config`);
});

const whyNoSystemd =
  spawnSync('systemd-analyze', ['--version']).status === 0 ? '' : ' (systemd-analyze is not installed)';

test.skipIf(whyNoSystemd !== '')(`systemd finds nothing wrong with the units that were written${whyNoSystemd}`, () => {
  const folder = site();
  for (const role of ['agent', 'fusion', 'controller']) {
    expect(install(join(dist, `fustor-${role}`), folder, '--unit-dir', folder)).toMatchObject({status: 0, stderr: ''});
  }
  const units = readdirSync(folder).filter(name => /\.(service|socket)$/.test(name));
  expect(units.sort()).toEqual([
    'fustor-agent.service',
    'fustor-controller.service',
    'fustor-fusion.service',
    'fustor-fusion.socket',
  ]);
  const {stderr, status} = spawnSync('systemd-analyze', ['verify', ...units.map(name => join(folder, name))], {
    encoding: 'utf8',
  });
  expect({stderr, status}).toEqual({stderr: '', status: 0});
  expect(readFileSync(join(folder, 'fustor-fusion.service'), 'utf8')).toContain(`\nReadWritePaths=${folder}/fusion\n`);
});

test('where nothing ever ran there is nothing to end, and nothing is made', () => {
  const folder = site();
  const args = ['end-parts', '--config', join(folder, 'fustor.yaml')];
  const run = (env: NodeJS.ProcessEnv) => spawnSync(join(dist, 'fustor-fusion'), args, {encoding: 'utf8', env});
  for (const env of [{SERVICE_RESULT: 'signal'}, {SERVICE_RESULT: 'success'}, {}]) {
    expect(run(env)).toMatchObject({status: 0, stdout: '', stderr: ''});
  }
  expect(readdirSync(folder)).toEqual(['fustor.yaml']);
});
