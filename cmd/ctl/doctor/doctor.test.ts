// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {execFileSync, spawn} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statfsSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {createServer as createTlsServer} from 'node:https';
import {type AddressInfo, createServer as createTcpServer} from 'node:net';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {type Bindfs, mountBindfs, whyNoBindfs} from '../../../test/lib/bindfs.ts';
import {listen} from '../../../test/lib/canned-fusion.ts';
import {ScriptProcess} from '../../../test/lib/script-process.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {until} from '../../../test/lib/until.ts';
import {writeRecord} from '../../shell/part-record.ts';
import {processState} from '../../shell/process-table.ts';
import {version} from '../../version.ts';
import {doctorWith} from '../commands/doctor.ts';
import {runVerb} from '../verb.ts';
import {type HostFacts, hostFacts} from './host-facts.ts';

const isRoot = process.getuid!() === 0;
const cleanups: (() => unknown)[] = [];
let folder: string;
/** Of an agent, without anything wrong but that it does not run. */
let data: string;

beforeEach(() => {
  const made = temporaryFolder();
  cleanups.push(() => made.remove());
  folder = made.path;
  data = join(folder, 'data');
  mkdirSync(join(data, 'run'), {recursive: true, mode: 0o700});
  writeFileSync(join(data, 'agent.lock'), '');
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('a host', () => {
  test('where all is well is exit code 0, and every check says so', async () => {
    await shell();
    const many = (path: string) => (path.endsWith('max_user_instances') ? '100000' : hostFacts.readText(path));
    const {exit, results} = await examine(['--data', data], {isClockSynchronised: () => true, readText: many});
    expect(results.filter(({state}) => state !== 'ok')).toEqual([]);
    expect(exit).toBe(0);
  });

  test('without Fustor is only looked at as such', async () => {
    const {exit, err} = await examine([], {isClockSynchronised: () => true}, 'table');
    expect({exit, err}).toEqual({exit: 0, err: expect.stringContaining('name a node with --config')});
  });

  test('as a table has a line of remedy for each finding', async () => {
    const {exit, out} = await examine(['--data', data], {}, 'table');
    expect(out).toMatch(
      /^shell +failed\n {2}agent on \S+: Its shell does not run\.\n {4}Start it: systemctl start fustor-agent/m,
    );
    expect(exit).toBe(1);
  });
});

describe('the clock', () => {
  test('that was never set is before this program', async () => {
    expect(await findings('clock', ['--data', data], {nowMs: () => 0})).toMatchObject([
      {
        problem: expect.stringContaining('1970-01-01T00:00:00.000Z, before this program was made'),
        remedy: expect.stringMatching(/timedatectl/),
      },
    ]);
  });

  test('that went back is before what was written last', async () => {
    const later = Date.now() / 1000 + 7_200;
    utimesSync(join(data, 'agent.lock'), later, later);
    const [found] = await findings('clock', ['--data', data]);
    expect(found!.problem).toMatch(/ 1h 59m before Fustor last wrote here|2h 0m before/);
  });

  test('that differs from the controller is found by its answer', async () => {
    const server = await controllerThat(
      () => new Response('{}', {headers: {date: new Date(Date.now() - 60_000).toUTCString()}}),
    );
    const found = await findings('clock', ['--config', agentConfig(server)]);
    expect(found[0]!.problem).toMatch(/^The clock of this host is (59s|1m 0s) ahead of that of http/);
    expect(await findings('clock', ['--config', agentConfig(await controllerThat(() => new Response('{}')))])).toEqual(
      [],
    );
  });

  test('that nothing keeps is a notice', async () => {
    const found = await findings('clock', ['--data', data], {
      isClockSynchronised: () => false,
      readText: () => undefined,
    });
    expect(found).toMatchObject([{isNotice: true}]);
    expect(hostFacts.isClockSynchronised()).toBeTypeOf('boolean');
  });
});

test('a name that means no host is told', async () => {
  expect(await findings('dns', ['--config', agentConfig('http://controller.invalid:8101')])).toMatchObject([
    {subject: 'controller.invalid', remedy: expect.stringMatching(/getent hosts controller\.invalid/)},
  ]);
});

describe('a port', () => {
  test('that somebody else has is told with who it is', async () => {
    const {port} = await taken();
    const file = write('fustor.yaml', `fusion: {listen: "127.0.0.1:${port}", data: ./fusion}\n`);
    const [found] = await findings('port', ['--config', file]);
    expect(found).toMatchObject({subject: `127.0.0.1:${port}`, remedy: expect.stringMatching(/another "listen"/)});
    expect(found!.problem).toMatch(new RegExp(`taken by pid ${process.pid} \\(.*node`));
  });

  test('where nobody listens is told of a server', async () => {
    const [found] = await findings('port', ['--config', agentConfig('http://127.0.0.1:1')]);
    expect(found).toMatchObject({problem: 'The controller cannot be reached: nothing listens there.'});
  });
});

describe('a certificate', () => {
  test.each([
    ['20200101000000Z', '20210101000000Z', /expired at 2021-01-01/],
    ['20900101000000Z', '20910101000000Z', /counts only from 2090-01-01/],
    ['20200101000000Z', '20270101000000Z', /was not renewed in time/],
  ])('in the identity of the node, from %s to %s', async (from, to, problem) => {
    const {certificate, key} = makeCertificate({name: 'node-a', from, to});
    writeIdentity({id: 'node-a', certificate, key});
    const found = await findings('certificate', ['--data', data]);
    expect(found).toMatchObject([{subject: join(data, 'identity/identity.json')}]);
    expect(found[0]!.problem).toMatch(problem);
  });

  test('of another node, or for another key, is told; a good one is not', async () => {
    const good = makeCertificate({name: 'node-a'});
    writeIdentity({id: 'node-a', ...good});
    expect(await findings('certificate', ['--data', data])).toEqual([]);
    writeIdentity({id: 'node-b', ...good});
    expect((await findings('certificate', ['--data', data]))[0]!.problem).toMatch(/is for .*CN=node-a, not for node-b/);
    writeIdentity({id: 'node-a', certificate: good.certificate, key: makeCertificate({name: 'node-a'}).key});
    expect((await findings('certificate', ['--data', data]))[0]!.problem).toMatch(/another key than node\.key/);
  });

  test('of a server that is for another name, or has expired, is told', async () => {
    const cert = makeCertificate({name: 'elsewhere', from: '20200101000000Z', to: '20210101000000Z'});
    const server = createTlsServer({cert: cert.certificate, key: cert.key}, (_, response) => response.end('{}'));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const found = await findings('certificate', [
      '--config',
      agentConfig(`https://127.0.0.1:${(server.address() as AddressInfo).port}`),
    ]);
    expect(found.map(({problem}) => problem)).toEqual([
      expect.stringMatching(/is for .*elsewhere.*, not for 127\.0\.0\.1/),
      expect.stringContaining('expired at 2021-01-01'),
    ]);
  });
});

describe('a storage', () => {
  const missing = whyNoBindfs();

  test('that is not there is told', async () => {
    const [found] = await findings('mount', ['--config', agentConfig(undefined, join(folder, 'nowhere'))]);
    expect(found).toMatchObject({subject: join(folder, 'nowhere'), problem: expect.stringContaining('does not exist')});
  });

  test.skipIf(missing)('that hangs is told within seconds', async () => {
    const mount = await mounted();
    mount.hang();
    cleanups.push(() => mount.resume());
    const began = performance.now();
    const [found] = await findings('mount', ['--config', agentConfig(undefined, mount.mountPoint)]);
    expect(found).toMatchObject({
      problem: 'The storage hangs: it does not answer.',
      remedy: expect.stringMatching(/umount -f -l/),
    });
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test.skipIf(missing)('whose mount is stale is told', async () => {
    const mount = await mounted();
    await mount.kill();
    const [found] = await findings('mount', ['--config', agentConfig(undefined, mount.mountPoint)]);
    expect(found).toMatchObject({
      problem: expect.stringContaining('stale'),
      remedy: expect.stringMatching(/umount -l/),
    });
  });

  test.skipIf(missing)('that is not mounted any more is told by what the agent remembers', async () => {
    const mount = await mounted();
    mkdirSync(join(data, 'storages'));
    const {type} = statfsSync(mount.mountPoint);
    writeFileSync(join(data, 'storages/p.json'), JSON.stringify({path: mount.mountPoint, type}));
    expect(await findings('mount', ['--data', data])).toEqual([]);
    mount.unmount();
    const [found] = await findings('mount', ['--data', data]);
    expect(found).toMatchObject({subject: mount.mountPoint, remedy: expect.stringMatching(/^Mount the storage\./)});
    expect(readFileSync(join(data, 'storages/p.json'), 'utf8')).toContain(String(type));
  });

  async function mounted(): Promise<Bindfs> {
    const {mount} = await mountBindfs(folder);
    cleanups.push(() => mount.remove());
    return mount;
  }
});

describe('limits', () => {
  const withText = (path: string, text: string): Partial<HostFacts> => ({
    readText: asked => (asked === path ? text : hostFacts.readText(asked)),
  });

  test('few watches are told, and how many would do', async () => {
    const facts = withText('/proc/sys/fs/inotify/max_user_watches', '8192\n');
    expect(await findings('inotify', ['--data', data], facts)).toMatchObject([
      {
        problem: expect.stringContaining('Only 8192'),
        remedy: expect.stringMatching(/sysctl -w fs\.inotify\.max_user_watches=1048576/),
      },
    ]);
    await shell({
      parts: [{name: 'payload-p', state: 'running', pid: 1, health: {source: {watched: 8000, known: 100_000}}}],
    });
    expect(await findings('inotify', ['--data', data], facts)).toMatchObject([
      {
        problem: expect.stringContaining('payload-p 8000 of 100000'),
        remedy: expect.stringMatching(/max_user_watches=262144/),
      },
    ]);
  });

  test('instances that are all in use are told', async () => {
    const script = new ScriptProcess(`
      import {watch} from 'node:fs';
      watch('/');
      console.log('watches');
    `);
    cleanups.push(() => script.kill());
    await script.line(1);
    const facts = withText('/proc/sys/fs/inotify/max_user_instances', '1\n');
    expect(await findings('inotify', ['--data', data], facts)).toMatchObject([
      {subject: 'fs.inotify.max_user_instances'},
    ]);
  });

  test('few open files of the shell are told', async () => {
    const pid = await shell({limit: 100});
    const [found] = await findings('open files', ['--data', data]);
    expect(found).toMatchObject({
      problem: 'It may have only 100 files open; wanted 512.',
      remedy: expect.stringMatching(/LimitNOFILE/),
    });
    expect(pid).toBeGreaterThan(0);
  });
});

describe('the data directory', () => {
  test.skipIf(!isRoot)('on a full disk is told', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', data]);
    cleanups.push(() => execFileSync('umount', [data]));
    writeFileSync(join(data, 'agent.lock'), '');
    expect(await findings('disk', ['--data', data])).toEqual([]);
    expect(() => writeFileSync(join(data, 'ballast'), Buffer.alloc(2 ** 21))).toThrow(/ENOSPC/);
    expect(await findings('disk', ['--data', data])).toMatchObject([{problem: 'The disk is full: 0B are left.'}]);
  });

  test.skipIf(!isRoot)('without inodes is told', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,nr_inodes=8', 'tmpfs', data]);
    cleanups.push(() => execFileSync('umount', [data]));
    writeFileSync(join(data, 'agent.lock'), '');
    expect((await findings('disk', ['--data', data]))[0]!.problem).toMatch(/can make no more files: \d inodes/);
  });

  test('on a network file system is told', async () => {
    const nfs = {...statfsSync(data), type: 0x6969};
    expect(await findings('data directory', ['--data', data], {statfs: () => nfs})).toMatchObject([
      {problem: expect.stringContaining('network file system (NFS)'), remedy: expect.stringMatching(/local disk/)},
    ]);
  });

  test('that is open to others, or has a key that is, is told', async () => {
    chmodSync(data, 0o755);
    writeIdentity({id: 'node-a', ...makeCertificate({name: 'node-a'})});
    chmodSync(join(data, 'identity/node.key'), 0o640);
    expect(await findings('secrets', ['--data', data])).toMatchObject([
      {subject: data, remedy: `chmod 700 ${data}`},
      {subject: join(data, 'identity/node.key'), remedy: expect.stringMatching(/^chmod 600/)},
    ]);
  });

  test.skipIf(!isRoot)('with files of another user is told', async () => {
    writeFileSync(join(data, 'run/payload-p.log'), '');
    chownSync(join(data, 'run/payload-p.log'), 1, 1);
    expect(await findings('secrets', ['--data', data])).toMatchObject([
      {remedy: `chown -R --reference=${data} ${data}`},
    ]);
  });

  test('with a damaged store is told', async () => {
    mkdirSync(join(data, 'views/research'), {recursive: true});
    writeFileSync(join(data, 'views/research/tree.mdb'), 'damaged '.repeat(4_096));
    expect(await findings('store', ['--data', data])).toMatchObject([
      {subject: join(data, 'views/research/tree.mdb'), problem: expect.stringContaining('damaged')},
    ]);
  });

  test('where nothing has ever run is told', async () => {
    expect(await findings('config', ['--data', join(folder, 'other')])).toMatchObject([
      {subject: join(folder, 'other')},
    ]);
  });
});

describe('a configuration', () => {
  test('with a mistake is told with its place, and where it leads is looked at all the same', async () => {
    const file = agentConfig('http://127.0.0.1:1');
    writeFileSync(file, `${readFileSync(file, 'utf8')}pipes: {p: {}}\n`);
    const {results} = await examine(['--config', file]);
    expect(of('config', results)[0]!.problem).toMatch(/fustor\.yaml:\d+:\d+ {2}pipes\.p\.source/);
    expect(of('port', results)).toHaveLength(1);
  });

  test('takes what its service has in fustor.env', async () => {
    const file = write(
      'fustor.yaml',
      'agent: {id: a, data: ./data, control_plane_uri: "http://127.0.0.1:1", auth_token: "${env:DOCTOR_TOKEN}"}\n',
    );
    expect(await findings('config', ['--config', file])).toHaveLength(1);
    write('fustor.env', 'DOCTOR_TOKEN=12345678\n');
    expect(await findings('config', ['--config', file])).toEqual([]);
  });

  test('that everybody may read is told, and what it takes from files', async () => {
    const file = write(
      'fustor.yaml',
      'agent: {id: a, data: ./data, control_plane_uri: "http://127.0.0.1:1", auth_token: "${file:token}"}\n',
    );
    write('token', '12345678');
    chmodSync(join(folder, 'token'), 0o644);
    expect(await findings('secrets', ['--config', file])).toMatchObject([{subject: join(folder, 'token')}]);
    chmodSync(file, 0o644);
    expect(await findings('secrets', ['--config', file])).toHaveLength(2);
  });

  test('that the shell does not use is told', async () => {
    await shell({config: {state: 'refused', lastFailed: {reason: 'a mistake in line 3', at: 0}}});
    expect((await findings('config', ['--data', data]))[0]!.problem).toContain('a mistake in line 3');
  });

  test('in a bootstrap file leads to the data directory', async () => {
    const file = write('bootstrap.yaml', 'agent_id: node-a\ncontrol_plane_uri: "http://127.0.0.1:1"\ndata: ./data\n');
    const {results} = await examine(['--bootstrap', file]);
    expect(of('config', results)).toMatchObject([{problem: expect.stringContaining('auth_token')}]);
    expect(of('shell', results)).toMatchObject([{subject: `agent on ${data}`}]);
    expect(of('port', results)).toMatchObject([{subject: 'http://127.0.0.1:1'}]);
  });
});

describe('processes', () => {
  test('a shell that does not answer is told from one that does not run', async () => {
    const script = await lockOnly();
    const [found] = await findings('shell', ['--data', data]);
    expect(found).toMatchObject({problem: expect.stringMatching(new RegExp(`pid ${script.pid} .*does not answer`))});
  });

  test('a part in quarantine is told with how it died', async () => {
    await shell({parts: [{name: 'payload-p', state: 'quarantined', lastDeath: {detail: 'It crashed.'}}]});
    expect(await findings('parts', ['--data', data])).toMatchObject([
      {
        subject: 'payload-p',
        problem: expect.stringContaining('It crashed.'),
        remedy: expect.stringMatching(/fustorctl agent restart/),
      },
    ]);
  });

  test('a payload whose shell is gone is told, wherever its data is', async () => {
    const {pid, startTime} = await payload();
    expect(await orphansHere()).toMatchObject([
      {subject: `payload-p, pid ${pid}`, remedy: expect.stringContaining('end-parts')},
    ]);
    writeRecord(join(data, 'run'), {name: 'payload-p', pid, startTime, startedAt: 0, hash: ''});
    expect(await orphansHere()).toHaveLength(1);
    await lockOnly();
    expect(await orphansHere()).toEqual([]);
  });

  test('a payload that its shell knows nothing of is told', async () => {
    const {pid} = await payload();
    writeRecord(join(data, 'run'), {name: 'payload-p', pid: process.pid, startTime: '1', startedAt: 0, hash: ''});
    await lockOnly();
    expect(await orphansHere()).toMatchObject([
      {problem: expect.stringContaining('knows nothing of it'), remedy: `End it: kill ${pid}`},
    ]);
  });

  /** Others may run tests on this machine too. */
  async function orphansHere() {
    return (await findings('orphans', [])).filter(({problem}) => problem.includes(data));
  }

  test('a record of a process that is gone is a notice', async () => {
    writeRecord(join(data, 'run'), {name: 'payload-p', pid: process.pid, startTime: '1', startedAt: 0, hash: ''});
    expect(await findings('orphans', ['--data', data])).toMatchObject([{isNotice: true}]);
    expect(readdirSync(join(data, 'run'))).toEqual(['payload-p.pid']);
  });

  test('another version, of the shell or of the controller, is told', async () => {
    await shell({version: '0.0.1'});
    const server = await controllerThat(request =>
      Response.json(request.url.endsWith('/openapi.json') ? {info: {title: 'Fustor', version: '9.9.9'}} : {}),
    );
    const found = await findings('version', ['--config', agentConfig(server)]);
    expect(found.map(({problem}) => problem)).toEqual([
      `Version 0.0.1 runs; this fustorctl is ${version}.`,
      `The controller runs version 9.9.9; this fustorctl is ${version}.`,
    ]);
  });
});

type Result = {
  check: string;
  state: string;
  findings: {subject: string; problem: string; remedy: string; isNotice: boolean}[];
};

async function examine(args: string[], facts: Partial<HostFacts> = {}, form = 'json') {
  let [out, err] = ['', ''];
  const exit = await runVerb(doctorWith({...hostFacts, ...facts}), [...args, '-o', form], {
    env: {PATH: process.env.PATH},
    isTerminal: false,
    write: async text => {
      out += text;
    },
    notice: text => {
      err += text;
    },
  });
  return {exit, out, err, results: form === 'json' ? (JSON.parse(out).data as Result[]) : []};
}

/** Of one check. */
async function findings(check: string, args: string[], facts: Partial<HostFacts> = {}) {
  const quiet = {isClockSynchronised: () => true, ...facts};
  return of(check, (await examine(args, quiet)).results);
}

function of(check: string, results: Result[]) {
  return results.find(result => result.check === check)!.findings;
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text, {mode: 0o600});
  return join(folder, name);
}

function agentConfig(controller = 'http://127.0.0.1:1', source?: string): string {
  const sources = source === undefined ? '' : `sources: {s: {path: "${source}"}}\n`;
  const agent = `agent: {id: node-a, data: ./data, control_plane_uri: "${controller}", auth_token: token-of-node}\n`;
  return write('fustor.yaml', agent + sources);
}

async function controllerThat(answer: (request: Request) => Response): Promise<string> {
  const server = await listen(answer);
  cleanups.push(() => server.stop());
  return server.url;
}

async function taken(): Promise<{port: number}> {
  const server = createTcpServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  return {port: (server.address() as AddressInfo).port};
}

const lockScript = (directory: string) => `
  import {tryLock} from '${join(import.meta.dirname, '../../../store/file-lock.ts')}';
  globalThis.lock = tryLock(${JSON.stringify(join(directory, 'agent.lock'))});
`;

/** What has the lock of a shell, and says nothing. */
async function lockOnly(): Promise<ScriptProcess> {
  const script = new ScriptProcess(`${lockScript(data)} setInterval(() => {}, 1000); console.log('locked');`);
  cleanups.push(() => script.kill());
  await script.line(1);
  return script;
}

type Shell = {parts?: object[]; config?: object; version?: string; limit?: number};

/** A shell as it answers on its socket. */
async function shell({
  parts = [],
  config = {state: 'running'},
  version: own = version,
  limit,
}: Shell = {}): Promise<number> {
  const answer = {part: 'shell', version: own, config, parts};
  const script = new ScriptProcess(`
    ${lockScript(data)}
    import {createServer} from 'node:http';
    const answer = {data: {...${JSON.stringify(answer)}, pid: process.pid}};
    createServer((_, response) => response.end(JSON.stringify(answer))).listen(${JSON.stringify(join(data, 'run/shell.sock'))}, () => console.log('here'));
  `);
  cleanups.push(() => script.kill());
  await script.line(1);
  if (limit !== undefined) execFileSync('prlimit', [`--nofile=${limit}:${limit}`, '--pid', String(script.pid)]);
  return script.pid;
}

/** A process that is called as a payload is, and writes where a payload writes. */
async function payload(): Promise<{pid: number; startTime: string}> {
  mkdirSync(join(folder, 'cmd/agent'), {recursive: true});
  const program = join(folder, 'cmd/agent/main.ts');
  writeFileSync(program, 'setInterval(() => {}, 1000);\n');
  const log = openSync(join(data, 'run/payload-p.log'), 'a');
  const child = spawn(process.execPath, [program, 'payload'], {stdio: ['ignore', 'ignore', log]});
  closeSync(log);
  cleanups.push(() => child.kill('SIGKILL'));
  await until(() => processState(child.pid!) !== undefined, {what: 'the payload'});
  return {pid: child.pid!, startTime: processState(child.pid!)!.startTime};
}

/** Signed by itself; `openssl req` cannot set the times. */
function makeCertificate({name, from, to}: {name: string; from?: string; to?: string}) {
  const file = (end: string) => join(folder, `made.${end}`);
  const config = `
    [ca]
    default_ca = own
    [own]
    database = ${file('index')}
    new_certs_dir = ${folder}
    default_md = sha256
    policy = any
    unique_subject = no
    rand_serial = yes
    x509_extensions = names
    [any]
    organizationalUnitName = optional
    commonName = supplied
    [names]
    subjectAltName = DNS:${name}
  `;
  writeFileSync(file('config'), config);
  writeFileSync(file('index'), '');
  const openssl = (...args: string[]) => execFileSync('openssl', args, {stdio: 'ignore'});
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', file('key')];
  openssl('req', '-new', ...key, '-subj', `/OU=agent/CN=${name}`, '-out', file('csr'));
  const validity = from && to ? ['-startdate', from, '-enddate', to] : ['-days', '30'];
  const signed = ['-keyfile', file('key'), '-in', file('csr'), '-out', file('pem')];
  openssl('ca', '-batch', '-notext', '-selfsign', '-config', file('config'), ...validity, ...signed);
  return {key: readFileSync(file('key'), 'utf8'), certificate: readFileSync(file('pem'), 'utf8')};
}

function writeIdentity({id, certificate, key}: {id: string; certificate: string; key: string}): void {
  mkdirSync(join(data, 'identity'), {recursive: true, mode: 0o700});
  const kept = {identity: 1, kind: 'agent', id, token: 'x', enrolled_with: 'y', certificate};
  writeFileSync(join(data, 'identity/identity.json'), JSON.stringify(kept, null, 2), {mode: 0o600});
  writeFileSync(join(data, 'identity/node.key'), key, {mode: 0o600});
}
