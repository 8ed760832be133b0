import {spawnSync} from 'node:child_process';
import {chmodSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {type Program, spawnArguments} from '../program.ts';

const cleanups: (() => unknown)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

const yaml = `
fusion: { listen: "127.0.0.1:8102", data: /var/lib/fustor/fusion }
keys: [{ name: a, role: agent, key: "\${env:AGENT_KEY}", views: "*" }]
agent: { id: node-a, data: /srv/fustor }
`;

/** A folder with a configuration, the variables it needs, and a folder for the units. */
function site(text = yaml): {config: string; environment: string; units: string} {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  const config = join(folder.path, 'fustor.yaml');
  const environment = join(folder.path, 'fustor.env');
  writeFileSync(config, text);
  writeFileSync(environment, '# of the service\nAGENT_KEY="0123456789"\n');
  return {config, environment, units: folder.path};
}

function run(program: Program, args: string[]) {
  const {executable, args: all} = spawnArguments(program, args);
  const {status, stdout, stderr} = spawnSync(executable, all, {encoding: 'utf8', env: {PATH: process.env.PATH}});
  return {status, stdout, stderr};
}

test('--dry-run prints the units and writes nothing', () => {
  const {config, units} = site();
  const {status, stdout, stderr} = run('fusion', ['install', '--config', config, '--dry-run', '--user', 'root']);
  expect({status, stderr}).toEqual({status: 0, stderr: ''});
  expect(stdout).toContain('# /etc/systemd/system/fustor-fusion.socket\n');
  expect(stdout).toContain('\n# /etc/systemd/system/fustor-fusion.service\n');
  expect(stdout).toContain('\nListenStream=127.0.0.1:8102\n');
  expect(stdout).toMatch(new RegExp(`^ExecStart=/\\S+ .*cmd/fusion/main.ts --config ${config}$`, 'm'));
  expect(stdout).toContain('\nStateDirectory=fustor/fusion\n');
  expect(stdout).not.toContain('0123456789');
  expect(readdirSync(units).sort()).toEqual(['fustor.env', 'fustor.yaml']);
});

test('units are written and what is to be done then is said, once more when they are there', () => {
  const {config, units} = site();
  const args = ['install', '--config', config, '--unit-dir', units, '--user', 'root', '--name', 'b'];
  const first = run('agent', args);
  expect(first).toEqual({
    status: 0,
    stdout: [
      `${units}/fustor-agent-b.service  new`,
      'Now run:',
      '  install -d -m 700 -o root /srv/fustor',
      '  systemctl daemon-reload',
      '  systemctl enable --now fustor-agent-b.service',
      '',
    ].join('\n'),
    stderr: '',
  });
  const path = join(units, 'fustor-agent-b.service');
  const text = readFileSync(path, 'utf8');
  expect(text).toContain('\nReadWritePaths=/srv/fustor\n');
  expect(run('agent', args)).toMatchObject({status: 0, stdout: expect.stringContaining(`${path}  unchanged\n`)});
  writeFileSync(path, text.replace('RestartSec=500ms', 'RestartSec=5s'));
  expect(run('agent', args)).toMatchObject({
    status: 17,
    stderr: expect.stringContaining('- RestartSec=5s\n  + RestartSec=500ms\n'),
  });
  expect(run('agent', [...args, '--force'])).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('systemctl try-restart fustor-agent-b.service'),
  });
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('a configuration with which the service would not start is refused', () => {
  const {config, environment, units} = site();
  const install = () => run('fusion', ['install', '--config', config, '--unit-dir', units, '--user', 'root']);
  writeFileSync(environment, '');
  expect(install()).toMatchObject({
    status: 10,
    stderr: expect.stringMatching(new RegExp(`AGENT_KEY is not set.*environment variables of ${environment}`, 's')),
  });
  writeFileSync(config, 'agent: { id: a, data: /srv/a }\n');
  expect(install()).toMatchObject({status: 10, stderr: expect.stringContaining('"fusion"')});
  writeFileSync(config, 'fusion: { listen: "no-such-host.invalid:1", data: /srv/a }\n');
  expect(install()).toMatchObject({status: 11, stderr: expect.stringContaining('no-such-host.invalid')});
  expect(readdirSync(units).sort()).toEqual(['fustor.env', 'fustor.yaml']);
});

test('a node is installed by its bootstrap file, with the variables beside it', () => {
  const {units} = site();
  const bootstrap = join(units, 'node.yaml');
  const common = 'control_plane_uri: "https://controller:8101"\nauth_token: "\u0024{env:ENROL}"\n';
  writeFileSync(join(units, 'node.env'), 'ENROL=fustor_enroll_0123456789\n');
  const dry = (program: Program, text: string) => {
    writeFileSync(bootstrap, common + text);
    return run(program, ['install', '--bootstrap', bootstrap, '--user', 'root', '--dry-run']);
  };
  const agent = dry('agent', 'agent_id: node-a\ndata: /srv/agent\n');
  expect(agent).toMatchObject({status: 0, stderr: ''});
  expect(agent.stdout).toMatch(new RegExp(`^ExecStart=.* --bootstrap ${bootstrap}$`, 'm'));
  expect(agent.stdout).toMatch(new RegExp(`^ExecStopPost=.* end-parts --bootstrap ${bootstrap}$`, 'm'));
  expect(agent.stdout).toContain(`\nEnvironmentFile=-${units}/node.env\n`);
  expect(agent.stdout).toContain('\nReadWritePaths=/srv/agent\n');
  expect(agent.stdout).not.toContain('0123456789');
  const fusion = dry('fusion', 'fusion_id: east\nlisten: 127.0.0.1:8199\ndata: /var/lib/fustor/fusion\n');
  expect(fusion).toMatchObject({status: 0, stderr: ''});
  expect(fusion.stdout).toContain('\nListenStream=127.0.0.1:8199\n');
  expect(fusion.stdout).toContain('\nStateDirectory=fustor/fusion\n');
  expect(dry('agent', 'agent_id: node-a\nurl: x\n')).toMatchObject({
    status: 10,
    stderr: expect.stringContaining('url'),
  });
  expect(run('agent', ['install', '--bootstrap', 'a', '--config', 'b'])).toMatchObject({status: 2});
});

test('what a bootstrapped service has left is ended by its bootstrap file, and there may be nothing', () => {
  const {units} = site();
  const bootstrap = join(units, 'node.yaml');
  writeFileSync(bootstrap, 'agent_id: a\ncontrol_plane_uri: "http://c:1"\nauth_token: fustor_enroll_0123456789\n');
  expect(run('agent', ['end-parts', '--bootstrap', bootstrap])).toEqual({status: 0, stdout: '', stderr: ''});
});

test('the controller is installed, too; it has no bootstrap file', () => {
  const {config, units} = site('controller: { data: /var/lib/fustor/controller, tls: true }\n');
  const args = ['install', '--config', config, '--unit-dir', units, '--user', 'root'];
  expect(run('controller', args)).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('systemctl enable --now fustor-controller.service'),
  });
  const text = readFileSync(join(units, 'fustor-controller.service'), 'utf8');
  expect(text).toContain('\nStateDirectory=fustor/controller\n');
  expect(text).not.toContain('end-parts');
  expect(run('controller', ['install', '--bootstrap', config])).toMatchObject({status: 2});
});

test('wrong arguments are refused, and --help says which there are', () => {
  expect(run('agent', ['install', '--nmae', 'x'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--nmae'),
  });
  expect(run('agent', ['install', '--name', 'a/b'])).toMatchObject({status: 2, stderr: expect.stringContaining('a/b')});
  expect(run('agent', ['install', '--help'])).toMatchObject({status: 0, stdout: expect.stringContaining('--unit-dir')});
});

test('a user that does not exist is refused; --dry-run only says so', () => {
  const {config, units} = site();
  const args = ['install', '--config', config, '--unit-dir', units, '--user', 'no-such-user'];
  expect(run('agent', args)).toMatchObject({status: 17, stderr: expect.stringContaining('useradd --system')});
  const dry = run('agent', [...args, '--dry-run']);
  expect(dry).toMatchObject({status: 0, stderr: expect.stringContaining('no user "no-such-user"')});
  expect(dry.stdout).toContain('\nUser=no-such-user\n');
});

const isRoot = process.getuid!() === 0;

test.skipIf(!isRoot)('a file that the user cannot read is named (needs root)', () => {
  const {config, units} = site();
  chmodSync(units, 0o755);
  chmodSync(config, 0o600);
  const args = ['install', '--config', config, '--unit-dir', units, '--user', 'nobody'];
  expect(run('agent', args)).toMatchObject({
    status: 17,
    stderr: expect.stringContaining(`The user "nobody" cannot read ${config}: it may not.`),
  });
});

test.skipIf(!isRoot)('without root a message says what to do (needs root, to be somebody else)', () => {
  const {config, units} = site();
  chmodSync(units, 0o755);
  const {executable, args} = spawnArguments('agent', [
    'install',
    '--config',
    config,
    '--unit-dir',
    units,
    '--user',
    'nobody',
  ]);
  const {status, stderr} = spawnSync(executable, args, {encoding: 'utf8', uid: 65534, gid: 65534});
  expect({status, stderr}).toEqual({status: 17, stderr: expect.stringMatching(/this user may not\.\nRun it as root/)});
});
