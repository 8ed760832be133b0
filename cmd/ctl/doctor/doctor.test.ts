// biome-ignore-all lint/suspicious/noTemplateCurlyInString: secrets are written like this
import {chmodSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {listen} from '../../../test/lib/canned-fusion.ts';
import {DoctorHost, findingsOf} from '../../../test/lib/doctor-host.ts';
import {writeRecord} from '../../shell/part-record.ts';
import {version} from '../../version.ts';

let host: DoctorHost;
beforeEach(() => {
  host = new DoctorHost();
});
afterEach(() => host.remove());

describe('a host', () => {
  test('where all is well is exit code 0, and every check says so', async () => {
    await host.shell();
    const {exit, results} = await host.examine(['--data', host.data], {
      isClockSynchronised: () => true,
    });
    expect(results.filter(({state}) => state !== 'ok')).toEqual([]);
    expect(exit).toBe(0);
  });

  test('without Fustor is only looked at as such', async () => {
    const {exit, err} = await host.examine([], {isClockSynchronised: () => true}, 'table');
    expect({exit, err}).toEqual({exit: 0, err: expect.stringContaining('name a node with --config')});
  });

  test('as a table has a line of remedy for each finding', async () => {
    const {exit, out} = await host.examine(['--data', host.data], {}, 'table');
    expect(out).toMatch(
      /^shell +failed\n {2}agent on \S+: Its shell does not run\.\n {4}Start it: systemctl start fustor-agent/m,
    );
    expect(exit).toBe(1);
  });
});

describe('a configuration', () => {
  test('with a mistake is told with its place, and where it leads is looked at all the same', async () => {
    const file = host.agentConfig('http://127.0.0.1:1');
    writeFileSync(file, `${readFileSync(file, 'utf8')}pipes: {p: {}}\n`);
    const {results} = await host.examine(['--config', file]);
    expect(findingsOf('config', results)[0]!.problem).toMatch(/fustor\.yaml:\d+:\d+ {2}pipes\.p\.source/);
    expect(findingsOf('port', results)).toHaveLength(1);
  });

  test('takes what its service has in fustor.env', async () => {
    const file = host.write(
      'fustor.yaml',
      'agent: {id: a, data: ./data, control_plane_uri: "http://127.0.0.1:1", auth_token: "${env:DOCTOR_TOKEN}"}\n',
    );
    expect(await host.findings('config', ['--config', file])).toHaveLength(1);
    host.write('fustor.env', 'DOCTOR_TOKEN=12345678\n');
    expect(await host.findings('config', ['--config', file])).toEqual([]);
  });

  test('that everybody may read is told, and what it takes from files', async () => {
    const file = host.write(
      'fustor.yaml',
      'agent: {id: a, data: ./data, control_plane_uri: "http://127.0.0.1:1", auth_token: "${file:token}"}\n',
    );
    host.write('token', '12345678');
    chmodSync(join(host.folder, 'token'), 0o644);
    expect(await host.findings('secrets', ['--config', file])).toMatchObject([{subject: join(host.folder, 'token')}]);
    chmodSync(file, 0o644);
    expect(await host.findings('secrets', ['--config', file])).toHaveLength(2);
  });

  test('that the shell does not use is told', async () => {
    await host.shell({config: {state: 'refused', lastFailed: {reason: 'a mistake in line 3', at: 0}}});
    expect((await host.findings('config', ['--data', host.data]))[0]!.problem).toContain('a mistake in line 3');
  });

  test('in a bootstrap file leads to the data directory', async () => {
    const file = host.write(
      'bootstrap.yaml',
      'agent_id: node-a\ncontrol_plane_uri: "http://127.0.0.1:1"\ndata: ./data\n',
    );
    const {results} = await host.examine(['--bootstrap', file]);
    expect(findingsOf('config', results)).toMatchObject([{problem: expect.stringContaining('auth_token')}]);
    expect(findingsOf('shell', results)).toMatchObject([{subject: `agent on ${host.data}`}]);
    expect(findingsOf('port', results)).toMatchObject([{subject: 'http://127.0.0.1:1'}]);
  });
});

describe('processes', () => {
  test('a shell that does not answer is told from one that does not run', async () => {
    const script = await host.lockOnly();
    const [found] = await host.findings('shell', ['--data', host.data]);
    expect(found).toMatchObject({problem: expect.stringMatching(new RegExp(`pid ${script.pid} .*does not answer`))});
  });

  test('a part in quarantine is told with how it died', async () => {
    await host.shell({parts: [{name: 'payload-p', state: 'quarantined', lastDeath: {detail: 'It crashed.'}}]});
    expect(await host.findings('parts', ['--data', host.data])).toMatchObject([
      {
        subject: 'payload-p',
        problem: expect.stringContaining('It crashed.'),
        remedy: expect.stringMatching(/fustorctl agent restart/),
      },
    ]);
  });

  test('a payload whose shell is gone is told, wherever its data is', async () => {
    const {pid, startTime} = await host.payload();
    expect(await host.findings('orphans', [])).toMatchObject([
      {subject: `payload-p, pid ${pid}`, remedy: expect.stringContaining('end-parts')},
    ]);
    writeRecord(join(host.data, 'run'), {name: 'payload-p', pid, startTime, startedAt: 0, hash: ''});
    expect(await host.findings('orphans', [])).toHaveLength(1);
    await host.lockOnly();
    expect(await host.findings('orphans', [])).toEqual([]);
  });

  test('a payload that its shell knows nothing of is told', async () => {
    const {pid} = await host.payload();
    writeRecord(join(host.data, 'run'), {name: 'payload-p', pid: process.pid, startTime: '1', startedAt: 0, hash: ''});
    await host.lockOnly();
    expect(await host.findings('orphans', [])).toMatchObject([
      {problem: expect.stringContaining('knows nothing of it'), remedy: `End it: kill ${pid}`},
    ]);
  });

  test('a record of a process that is gone is a notice', async () => {
    writeRecord(join(host.data, 'run'), {name: 'payload-p', pid: process.pid, startTime: '1', startedAt: 0, hash: ''});
    expect(await host.findings('orphans', ['--data', host.data])).toMatchObject([{severity: 'notice'}]);
    expect(readdirSync(join(host.data, 'run'))).toEqual(['payload-p.pid']);
  });

  test('another version, of the shell or of the controller, is told', async () => {
    await host.shell({version: '0.0.1'});
    const server = await controllerThat(request =>
      Response.json(request.url.endsWith('/openapi.json') ? {info: {title: 'Fustor', version: '9.9.9'}} : {}),
    );
    const found = await host.findings('version', ['--config', host.agentConfig(server)]);
    expect(found.map(({problem}) => problem)).toEqual([
      `Version 0.0.1 runs; this fustorctl is ${version}.`,
      `The controller runs version 9.9.9; this fustorctl is ${version}.`,
    ]);
  });
});

async function controllerThat(answer: (request: Request) => Response): Promise<string> {
  const server = await listen(answer);
  host.atEnd(() => server.stop());
  return server.url;
}
