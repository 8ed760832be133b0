import {execFileSync} from 'node:child_process';
import {generateKeyPairSync} from 'node:crypto';
import {once} from 'node:events';
import {chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {parse} from 'yaml';
import {type Ended, Fleet} from '../lib/fleet.ts';
import {freePort} from '../lib/site.ts';
import {until} from '../lib/until.ts';

type Row = Record<string, unknown>;
type More = {env?: NodeJS.ProcessEnv; input?: string; key?: string};

const dist = join(import.meta.dirname, '../../dist');

/** Everything that `fustorctl` can do, on one fleet that is administered with it alone. The tests build on each other. */
describe('fustorctl', () => {
  let fleet: Fleet;
  /** Of an administrator, as `key create` made it: good at the fusion and at the controller. */
  let key = '';

  beforeAll(async () => {
    fleet = new Fleet({
      fusions: {east: {storage: 'alpha'}},
      agents: {'node-1': {storage: 'alpha'}},
      isWithoutGit: true,
    });
    await fleet.prepare();
    mkdirSync(join(fleet.storage('alpha'), 'docs/deep'), {recursive: true});
    writeFileSync(join(fleet.storage('alpha'), 'docs/report.txt'), 'x'.repeat(5_000));
    writeFileSync(join(fleet.storage('alpha'), 'small'), 'x');
    await fleet.enrolAll();
    const made = await fleet.fustorctl(['key', 'create', 'ada', '--role', 'admin']);
    key = made.stdout.trim();
    await fulfilled('wait', '--for=applied', '--timeout', '60s');
    await fulfilled('wait', '--for=complete', 'view/alpha');
  });
  afterAll(() => fleet?.dispose());

  const environment = ({env, key: other}: More) => ({
    FUSTOR_ENDPOINT: fleet.url('east'),
    FUSTOR_KEY: other ?? key,
    HOME: fleet.folder,
    PATH: `${dist}:${process.env.PATH}`,
    ...env,
  });
  const run = (args: string[], more: More = {}) =>
    fleet.fustorctl(args, {env: environment(more), ...(more.input !== undefined && {input: more.input})});
  /** What it prints when all is well. */
  const fulfilled = async (...args: string[]): Promise<string> => {
    const ended = await run(args);
    if (ended.status !== 0) throw new Error(`fustorctl ${args.join(' ')}: ${JSON.stringify(ended)}`);
    return ended.stdout;
  };
  const ask = async <T = Row[]>(...args: string[]): Promise<T> =>
    JSON.parse(await fulfilled(...args, '-o', 'json')).data as T;
  const revision = async () => (await ask<{revision: number}>('get', 'revisions/current')).revision;
  const file = (path: string) => join(fleet.repository, path);
  const write = (path: string, text: string) => writeFileSync(file(path), text);
  const withKey = (other: string) => fleet.get('east', '/api/v1/views/alpha/fs/tree', other).then(({status}) => status);
  const becomes = (status: number, other: string) =>
    until(async () => (await withKey(other)) === status, {timeoutMs: 2_000, what: `an answer ${status} for the key`});
  const ofSeed = (path: string, init: RequestInit & {token?: string} = {}) =>
    fetch(`${fleet.controllerUrl}/api/v1/control/configs/${path}`, {
      ...init,
      headers: {authorization: `Bearer ${init.token ?? key}`, 'content-type': 'application/yaml'},
    });

  test('every kind is listed and described in every form, also when there is none', async () => {
    const kinds = {
      ...{agents: 'node-1', fusions: 'east', pipes: 'node-1/alpha', views: 'alpha', sessions: 'alpha/node-1/alpha'},
      ...{keys: 'ada', revisions: '1', sources: 'mount', senders: 'main', datastores: 'alpha'},
      ...{users: undefined, credentials: undefined, identities: 'agent/node-1', 'enroll-tokens': undefined, audit: '1'},
    };
    for (const [kind, name] of Object.entries(kinds)) {
      const [table, wide, json, yaml, names] = await Promise.all(
        ['table', 'wide', 'json', 'yaml', 'name'].map(form => fulfilled('get', kind, '-o', form)),
      );
      const {data} = JSON.parse(json!) as {data: Row[]};
      expect(parse(yaml!).data.map((row: Row) => Object.keys(row))).toEqual(data.map(row => Object.keys(row)));
      expect(names!.split('\n').length - 1).toBe(data.length);
      expect(wide!.split('\n')[0]!.length).toBeGreaterThanOrEqual(table!.split('\n')[0]!.length);
      if (name === undefined) continue;
      expect(names).toContain(`/${name}\n`);
      const [page, described] = await Promise.all([
        fulfilled('describe', kind, name),
        ask<Row>('describe', `${kind}/${name}`),
      ]);
      expect(page).toMatch(/\nNext:\n {2}Nothing needs to be done\.\n$/);
      expect(described).toMatchObject({name, problems: []});
    }
    for (const args of [
      ['get', 'agents/nobody'],
      ['describe', 'views/none'],
      ['get', 'users/none'],
    ]) {
      const [json, yaml, people] = await Promise.all([
        run([...args, '-o', 'json']),
        run([...args, '-o', 'yaml']),
        run(args),
      ]);
      expect([json.status, yaml.status, people.status]).toEqual([1, 1, 1]);
      expect(JSON.parse(json.stdout)).toEqual({error: expect.objectContaining({code: expect.any(String)})});
      expect(parse(yaml.stdout)).toEqual(JSON.parse(json.stdout));
      expect(people.stderr).toMatch(/^fustorctl: There is no .*\n.*fustorctl (get|history)/);
    }
  });

  test('files are compared, tried, applied and pruned, and a race that is lost shows what came between', async () => {
    const [site, agent] = [fleet.repository, 'agents/node-1.yaml'];
    const good = readFileSync(file(agent), 'utf8');
    expect(await run(['diff', '-f', site])).toMatchObject({status: 0, stdout: ''});
    write(agent, good.replace('soak: 2s', 'soak: 3s'));
    const different = await run(['diff', '-f', site]);
    expect(different).toMatchObject({status: 1, stdout: expect.stringContaining(`--- a/${agent}`)});
    const before = await revision();
    expect(await fulfilled('apply', '-f', site, '--dry-run')).toContain(
      'Nothing was stored.\nChanged for agent/node-1.',
    );
    expect(await revision()).toBe(before);
    // One file stands where the desired state has one of its name.
    expect(await fulfilled('apply', '-f', file(agent), '-m', 'longer')).toContain('Changed for agent/node-1.');
    expect(await run(['diff', '-f', site])).toMatchObject({status: 0});

    write(agent, good);
    const late = await run(['apply', '-f', site, '--expect-revision', String(before)]);
    expect(late).toMatchObject({status: 5, stdout: ''});
    expect(late.stderr).toMatch(
      /revision \d+ of ada is in force[\s\S]*What came between:\n--- a\/[\s\S]*\+agent:.*soak: 3s/,
    );
    const told = await run(['apply', '-f', site, '--expect-revision', String(before), '-o', 'json']);
    expect(JSON.parse(told.stdout).error).toMatchObject({code: 'REVISION_CONFLICT', details: {author: 'ada'}});
    await fulfilled('apply', '-f', site, '--expect-revision', String(before + 1));

    const fromStdin = {input: 'users: { bob: { role: reader } }\n'};
    expect(await run(['apply', '-f', '-', '--as', 'site/users.yaml'], fromStdin)).toMatchObject({status: 0});
    expect(await ask('get', 'users')).toMatchObject([{name: 'bob'}]);
    expect(await fulfilled('apply', '-f', site)).toContain('Nothing has changed');
    await fulfilled('apply', '-f', site, '--prune');
    expect(await ask('get', 'users')).toEqual([]);

    const wrong = {input: 'pipes: { p: { source: nothing, sender: none, view: never } }\n'};
    const refused = await run(['apply', '-f', '-', '--as', 'wrong.yaml'], wrong);
    expect(refused).toMatchObject({status: 2, stderr: expect.stringMatching(/wrong\.yaml:1:\d+ {2}pipes\.p\.source/)});
    for (const name of ['source', 'sender', 'view']) expect(refused.stderr).toContain(`no such ${name}`);
    const unknownView = {input: `keys: { k: { role: reader, views: [never], sha256: ${'0'.repeat(64)} } }\n`};
    expect(await run(['apply', '-f', '-', '--as', 'wrong.yaml'], unknownView)).toMatchObject({status: 2});
  });

  test('an editor is given back what is invalid, and nothing is stored until it is valid', async () => {
    const editor = join(fleet.folder, 'editor.sh');
    const before = await revision();
    writeFileSync(editor, '#!/bin/sh\nsed -i "s/soak: 2s/soak: $(cat "$0.next")/" "$1"\necho 4s >"$0.next"\n', {
      mode: 0o755,
    });
    writeFileSync(`${editor}.next`, 'soon');
    const args = ['edit', 'agents/node-1.yaml', '-m', 'edited'];
    // Without a person nobody can be asked.
    const refused = await run(args, {env: {EDITOR: editor, TMPDIR: fleet.folder}});
    expect(refused).toMatchObject({status: 2, stderr: expect.stringMatching(/agents\/node-1\.yaml:1:\d+ .*"soon"/)});
    const kept = /What you wrote is kept in (\S+)/.exec(refused.stderr)![1]!;
    expect(readFileSync(kept, 'utf8')).toContain('soak: soon');
    expect(await revision()).toBe(before);

    writeFileSync(editor, '#!/bin/sh\nsed -i "s/soak: [a-z0-9]*/soak: $(cat "$0.next")/" "$1"\necho 4s >"$0.next"\n');
    writeFileSync(`${editor}.next`, 'soon');
    const terminal = execFileSync('script', ['-qec', `fustorctl ${args.join(' ')}`, '/dev/null'], {
      env: {...environment({env: {EDITOR: editor, TMPDIR: fleet.folder}}), FUSTOR_CONTROLLER: fleet.controllerUrl},
      input: 'y\n',
      encoding: 'utf8',
    });
    expect(terminal).toMatch(/"soon"[\s\S]*Edit again\?[\s\S]*Revision \d+ is in force/);
    expect(await fulfilled('history', '--diff', String(await revision()))).toContain('soak: 4s');
    expect(await run(['edit', 'nothing.yaml'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('site/views'),
    });
  });

  test('a rollback pins until it is released', async () => {
    const before = await revision();
    expect(await fulfilled('rollback', String(before - 1), '-m', 'too long')).toContain('Changed for agent/node-1.');
    expect(await run(['apply', '-f', fleet.repository, '--prune'])).toMatchObject({status: 5});
    const {status, stderr} = await run(['status']);
    expect([status, stderr]).toEqual([0, expect.stringMatching(/Changes do not come into force: ada has pinned/)]);
    await fulfilled('release');
    expect(await fulfilled('apply', '-f', fleet.repository, '--prune')).toContain('Nothing has changed');
    const rows = await ask('history');
    expect(rows[0]).toMatchObject({
      revision: await revision(),
      author: 'ada',
      message: expect.stringContaining('too long'),
      origin: 'rollback',
    });
    expect(await run(['rollback', '999'])).toMatchObject({status: 1});
    expect(await run(['sync'])).toMatchObject({status: 5, stderr: expect.stringContaining('fustorctl apply')});
    await fulfilled('wait', '--for=applied', '--timeout', '60s');
  });

  test('a key works at the fusion within two seconds, and no longer after it is revoked', async () => {
    const made = await run(['key', 'create', 'bob', '--role', 'reader', '--views', 'alpha', '--ttl', '1h']);
    expect(made).toMatchObject({status: 0, stderr: expect.stringContaining('not shown again')});
    const bob = made.stdout.trim();
    await becomes(200, bob);
    expect(await run(['key', 'create', 'bob'])).toMatchObject({status: 5});
    expect(await run(['key', 'create', 'eve', '--views', 'none'])).toMatchObject({
      status: 2,
      stderr: 'fustorctl: There is no view "none".\nThere are alpha.\n',
    });
    expect(await ask('key', 'list')).toMatchObject([
      {name: 'root', origin: 'file'},
      {name: 'scripts', origin: 'site'},
      {name: 'ada', origin: 'api'},
      {name: 'bob', origin: 'api', role: 'reader', views: ['alpha']},
    ]);
    // A reader looks, and that is all.
    expect((await run(['get', 'agents'], {key: bob})).status).toBe(0);
    for (const args of [
      ['key', 'create', 'x'],
      ['apply', '-f', fleet.repository],
      ['agent', 'kill', 'node-1'],
      ['get', 'audit'],
    ])
      expect(await run(args, {key: bob})).toMatchObject({status: 4, stderr: expect.stringContaining('bob')});
    await fulfilled('key', 'revoke', 'bob');
    await becomes(401, bob);
    expect((await run(['tree'], {key: bob})).status).toBe(4);
  });

  test('a credential is used in a key and in a sender, and is seen nowhere', async () => {
    const [robot, feeder] = ['value-of-the-robot-7261', 'value-of-the-feeder-9928'];
    const set = (name: string, input: string) => run(['credential', 'set', name], {input});
    const secret = (name: string) => `"\${secret:${name}}"`;
    const missing = {input: `keys: { robot: { role: reader, views: [alpha], key: ${secret('robot')} } }\n`};
    expect(await run(['apply', '-f', '-', '--as', 'site/robot.yaml'], missing)).toMatchObject({status: 2});
    expect(await set('robot', `${robot}\n`)).toMatchObject({status: 0, stdout: 'robot is stored.\n'});
    writeFileSync(join(fleet.folder, 'secret'), feeder, {mode: 0o600});
    await fulfilled('credential', 'set', 'feeder', '--file', join(fleet.folder, 'secret'));
    rmSync(join(fleet.folder, 'secret'));
    write(
      'site/secrets.yaml',
      `keys:
  robot: { role: reader, views: [alpha], key: ${secret('robot')} }
  feeder: { role: agent, views: [alpha], key: ${secret('feeder')} }
`,
    );
    const agent = fleet.agentFile('node-1');
    write('agents/node-1.yaml', agent.replace('fusion: east', `url: "${fleet.url('east')}", key: ${secret('feeder')}`));
    await fulfilled('apply', '-f', fleet.repository, '-m', 'with secrets');
    await becomes(200, robot);
    await fulfilled('wait', '--for=applied', '--timeout', '60s');
    writeFileSync(join(fleet.storage('alpha'), 'by the feeder'), 'x');
    await fleet.same('east');

    const shown = await Promise.all([
      ...['credentials', 'keys', 'senders', 'audit', 'revisions'].map(kind => fulfilled('get', kind, '-o', 'yaml')),
      fulfilled('describe', 'agents/node-1', '-o', 'json'),
      fulfilled('describe', 'pipes/node-1/alpha', '-o', 'json'),
      ofSeed('node-1').then(answer => answer.text()),
      ...['agent/node-1', 'fusion/east'].map(node =>
        fetch(`${fleet.controllerUrl}/api/v1/manifests/${node}`, {headers: {authorization: `Bearer ${key}`}}).then(
          one => one.text(),
        ),
      ),
    ]);
    expect(shown.join('\n')).not.toMatch(/value-of-the/);
    expect(await run(['credential', 'delete', 'robot'])).toMatchObject({
      status: 5,
      stderr: expect.stringContaining('site/secrets.yaml'),
    });
    // The node that shows it has it, and nobody else.
    const found = filesBelow(fleet.folder).filter(path => /value-of-the/.test(readFileSync(path, 'latin1')));
    expect(found.filter(path => !path.startsWith(fleet.data('node-1')))).toEqual([]);
    for (const path of found) expect(readFileSync(path, 'latin1')).not.toContain(robot);

    // Another value counts at once.
    await set('robot', 'another-value-of-the-robot');
    await becomes(200, 'another-value-of-the-robot');
    expect(await withKey(robot)).toBe(401);
    write('agents/node-1.yaml', agent);
    rmSync(file('site/secrets.yaml'));
    await fulfilled('apply', '-f', fleet.repository, '--prune');
    await becomes(401, 'another-value-of-the-robot');
    await fulfilled('credential', 'delete', 'robot');
    expect(await ask('credential', 'list')).toMatchObject([{name: 'feeder', changed_by: 'ada'}]);
    await fulfilled('wait', '--for=applied', '--timeout', '60s');
  });

  test('a token enrols as many nodes as it says, for as long as it says', async () => {
    const make = async (...args: string[]) =>
      (await fulfilled('enroll-token', 'create', '--role', 'agent', ...args)).trim();
    const states = async () =>
      (await ask('enroll-token', 'list')).map(({state, uses_left: left}) => `${state} ${left}`);
    const enrol = async (id: string, token: string) => {
      const public_key = generateKeyPairSync('ed25519').publicKey.export({type: 'spki', format: 'pem'});
      const answer = await fetch(`${fleet.controllerUrl}/api/v1/control/enroll`, {
        method: 'POST',
        headers: {authorization: `Bearer ${token}`, 'content-type': 'application/json'},
        body: JSON.stringify({kind: 'agent', id, public_key, host: 'elsewhere'}),
      });
      return answer.status;
    };
    const twice = await make('--uses', '2');
    expect([await enrol('guest-1', twice), await enrol('guest-2', twice), await enrol('guest-3', twice)]).toEqual([
      200, 200, 403,
    ]);
    const revoked = await make('--uses', '5');
    const usable = (await ask('enroll-token', 'list')).find(({state}) => state === 'usable')!;
    await fulfilled('enroll-token', 'revoke', String(usable.id));
    expect(await enrol('guest-3', revoked)).toBe(401);
    const short = await make('--ttl', '1s');
    await until(async () => (await states()).includes('expired 1'), {what: 'the end of the token'});
    expect(await enrol('guest-3', short)).toBe(401);
    for (const guest of ['guest-1', 'guest-2']) await fulfilled('identity', 'revoke', `agent/${guest}`);
    expect(await ask('identity', 'list')).toMatchObject([
      {id: 'guest-1', state: 'revoked'},
      {id: 'guest-2'},
      {id: 'node-1', state: 'active'},
      {id: 'east'},
    ]);
  });

  test('nodes restart, kill, reload and tell their last words', async () => {
    const payload = () => fleet.pids('node-1')['payload-alpha'];
    for (const order of [
      ['restart', 'node-1', 'alpha'],
      ['kill', 'node-1'],
    ]) {
      const before = payload();
      expect(await fulfilled('agent', ...order)).toMatch(
        /alpha +\w+ +done +Process \d+ was ended; process \d+ was started/,
      );
      expect(payload()).not.toBe(before);
    }
    const engine = 'engine-alpha';
    expect(await fulfilled('fusion', 'restart', 'east', engine)).toContain('done');
    for (const node of [
      ['agent', 'node-1'],
      ['fusion', 'east'],
    ])
      expect(await fulfilled(node[0]!, 'reload', node[1]!)).toContain('all is as it says');
    // The log is of the process that was started in place of the killed one, just now.
    const lines = await until(
      async () => {
        const text = await fulfilled('agent', 'logs', 'node-1', 'alpha', '-n', '3');
        const lines = text.trimEnd().split('\n');
        return lines.length === 3 ? lines : undefined;
      },
      {what: 'three lines of a log'},
    );
    expect(lines.map(line => JSON.parse(line).pipe)).toEqual(Array(3).fill('alpha'));
    expect(await fulfilled('agent', 'logs', 'node-1')).toContain('a command of the controller');
    expect(await fulfilled('fusion', 'logs', 'east', engine, '-n', '1')).toMatch(/^\{.*\}\n$/);
    expect(await fulfilled('fusion', 'show', 'east')).toMatch(/^PART +STATE/m);
    expect(await run(['agent', 'restart', 'node-1', 'beta'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('It has alpha.'),
    });
    expect(await run(['agent', 'logs', 'nobody'])).toMatchObject({status: 1});
    await fleet.same('east');
  });

  test('views are listed, searched, summed up, scanned and followed', async () => {
    expect(await fulfilled('tree', '/docs')).toMatch(/file +5000 +\S+Z +\S+ +\/docs\/report\.txt/);
    expect((await fulfilled('tree', '-R', '--only-path')).split('\n')).toContain('/docs/deep');
    expect(await fulfilled('find', '--name', '*.txt', '--size', '+1KiB')).toBe('/docs/report.txt\n');
    expect(await ask('find', '--name', '*.none')).toEqual([]);
    expect(await fulfilled('du')).toMatch(/^4\.9KiB +1 +\S+ +\/docs$/m);
    expect(await run(['tree', '/none'])).toMatchObject({status: 1, stderr: expect.stringContaining('does not exist')});
    expect(await ask<Row>('scan', '/docs', '--wait')).toMatchObject({
      state: 'done',
      path: '/docs',
      requested_by: 'ada',
    });
    expect(await fulfilled('changes')).toMatch(/created +file +5000 .*\/docs\/report\.txt/);

    const follower = fleet.startFustorctl(['changes', '--follow', '-o', 'json'], {env: environment({})});
    let [out, err] = ['', ''];
    follower.stdout!.on('data', chunk => (out += chunk));
    follower.stderr!.on('data', chunk => (err += chunk));
    let count = 0;
    await until(
      () => {
        writeFileSync(join(fleet.storage('alpha'), 'docs', `followed-${count++}`), 'x');
        return /followed/.test(out);
      },
      {everyMs: 200, what: 'a change that is followed'},
    );
    const changes = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Row);
    expect(changes).toContainEqual(
      expect.objectContaining({change: 'created', path: expect.stringContaining('followed')}),
    );
    const closed = once(follower, 'close');
    follower.kill('SIGINT');
    await closed;
    expect(follower.exitCode ?? follower.signalCode).toBe('SIGINT');
    expect(err).toBe('');
  });

  test('the seed API stores YAML, gives it back, and pushes what is new', async () => {
    const text = `# The words of its administrator.
agent: { id: seed-1 }
sources: { mount: { path: /tmp } }
senders: { main: { fusion: east } }
pipes: { seed: { source: mount, sender: main, view: alpha } }
`;
    expect((await ofSeed('seed-1')).status).toBe(404);
    expect((await ofSeed('pull?agent_id=seed-1')).status).toBe(404);
    expect((await ofSeed('seed-1', {method: 'POST', body: text})).status).toBe(200);
    expect(await (await ofSeed('seed-1')).text()).toBe(text);
    const pulled = await ofSeed('pull?agent_id=seed-1');
    const signature = pulled.headers.get('x-config-signature')!;
    expect([pulled.status, signature]).toEqual([200, expect.stringMatching(/^[0-9a-f]{64}\.\w+\.[\w-]+$/)]);
    expect(await pulled.json()).toMatchObject({id: 'seed-1', config: {senders: {main: {url: fleet.url('east')}}}});
    const same = await ofSeed(`pull?agent_id=seed-1&current_signature=${signature}`);
    expect([same.status, same.headers.get('x-config-signature'), await same.text()]).toEqual([304, signature, '']);

    const held = ofSeed(`pull?agent_id=seed-1&current_signature=${signature}&wait=30`);
    expect(await Promise.race([held, new Promise(resolve => setTimeout(resolve, 500, 'held'))])).toBe('held');
    const from = performance.now();
    await ofSeed('seed-1', {method: 'POST', body: text.replace('/tmp', '/var')});
    const pushed = await held;
    expect(performance.now() - from).toBeLessThan(1_000);
    expect([pushed.status, pushed.headers.get('x-config-signature')]).toEqual([
      200,
      expect.not.stringMatching(signature),
    ]);

    const reader = (await fulfilled('key', 'create', 'reader')).trim();
    for (const path of ['seed-1', 'pull?agent_id=seed-1']) {
      expect((await ofSeed(path, {token: 'not-a-key-of-anybody'})).status).toBe(401);
      expect((await ofSeed(path, {token: reader})).status).toBe(403);
    }
    expect((await ofSeed('seed-1', {method: 'POST', body: 'agent: {'})).status).toBe(400);
    expect((await ofSeed('seed-1', {method: 'POST', body: text.replace('seed-1', 'seed-2')})).status).toBe(400);
    expect(await (await ofSeed('seed-1')).text()).toContain('/var');
  });

  test('status tells what needs action and the command to type, and wait until it is so', async () => {
    const {status, stdout} = await run(['status']);
    expect([status, stdout]).toEqual([
      1,
      expect.stringMatching(/^WARNING +agent\/seed-1 +since \S+Z\n.*\n +\$ fustorctl /),
    ]);
    expect(await run(['status', '-o', 'json'])).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('"healthy": false'),
    });
    const late = (...args: string[]) => run(['wait', ...args, '--timeout', '300ms']);
    expect(await late('--for=online', 'agent/seed-1')).toMatchObject({
      status: 6,
      stderr: expect.stringContaining('never_seen'),
    });
    expect(await late('--for=applied')).toMatchObject({status: 6, stderr: expect.stringContaining('agent/seed-1')});
    expect(await late('--for=deleted', 'agent/seed-1')).toMatchObject({status: 6});
    expect(await late('--for=nothing')).toMatchObject({status: 2});
    await fulfilled('wait', '--for=online', 'agent/node-1');
    const deleted = fulfilled('wait', '--for=deleted', 'agent/seed-1', '--timeout', '20s');
    await fulfilled('apply', '-f', fleet.repository, '--prune');
    await deleted;
    await fulfilled('wait', '--for=applied', `revision/${await revision()}`, '--timeout', '60s');
    expect(await run(['status'])).toMatchObject({status: 0, stdout: 'Nothing needs action.\n'});
  });

  test('doctor is content with a node that is well, and finds what is wrong with another', async () => {
    type Check = {check: string; state: string; findings: {subject: string; remedy: string}[]};
    const look = async (bootstrap: string) => {
      const {stdout} = await run(['doctor', '--bootstrap', bootstrap, '-o', 'json']);
      const {data} = JSON.parse(stdout) as {data: Check[]};
      // What others have left on this host is not ours.
      return data.filter(({check, state}) => state === 'failed' && check !== 'orphans');
    };
    const folder = join(fleet.folder, 'nodes');
    for (const node of ['node-1', 'east']) expect(await look(join(folder, node, 'bootstrap.yaml'))).toEqual([]);
    const seeded = join(folder, 'seeded.yaml');
    const text = readFileSync(join(folder, 'node-1/bootstrap.yaml'), 'utf8');
    writeFileSync(
      seeded,
      text.replace(fleet.controllerUrl, `http://127.0.0.1:${await freePort()}`).replace('./data', './none'),
    );
    chmodSync(seeded, 0o644);
    const found = await look(seeded);
    expect(found.map(({check}) => check)).toEqual(['port', 'secrets', 'shell']);
    for (const {findings} of found) expect(findings).toMatchObject([{remedy: expect.stringMatching(/^[^\n]+$/)}]);
    expect((await run(['doctor', '--bootstrap', seeded])).status).toBe(1);
  });

  test('bash completes verbs, nouns, names and flags', async () => {
    const complete = (...words: string[]) => {
      const script = `source <(fustorctl completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _fustorctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const env = {...environment({}), FUSTOR_CONTROLLER: fleet.controllerUrl};
      return execFileSync('bash', ['-c', script, 'bash', 'fustorctl', ...words], {env, encoding: 'utf8'})
        .trimEnd()
        .split('\n');
    };
    expect(complete('des')).toEqual(['describe']);
    expect(complete('get', 'se')).toEqual(['sessions', 'senders']);
    expect(complete('describe', 'agents', '')).toContain('node-1');
    expect(complete('describe', 'pipes/')).toEqual(['pipes/node-1/alpha']);
    expect(complete('agent', 'kill', 'node-1', '')).toEqual(['alpha']);
    expect(complete('key', 'revoke', 'a')).toEqual(['ada']);
    expect(complete('apply', '--dry')).toEqual(['--dry-run']);
    expect(complete('get', 'agents', '-o', 'y')).toEqual(['yaml']);
  });

  test('the audit log shows who did what, and what was refused', async () => {
    const rows = await ask('get', 'audit', '--limit', '500');
    const lines = rows.map(({who, action, subject, outcome}) => [who, action, subject, outcome].join(' '));
    for (const line of [
      ...['root key.create ada done', 'ada key.create bob refused'],
      ...['ada key.revoke bob done', 'ada credential.put robot done', 'ada agent.kill agent/node-1/alpha done'],
      ...['ada agent.logs agent/node-1 done', 'ada fusion.restart fusion/east/engine-alpha done'],
      ...['ada desired.seed agent seed-1 done', 'ada identity.revoke agent/guest-1 done', 'ada git.sync git refused'],
    ])
      expect(lines).toContain(line);
    expect(lines.some(line => /^ada desired\.apply revision \d+ done$/.test(line))).toBe(true);
    expect(lines.some(line => /^enrolment token \w+ identity\.enrol agent\/node-1 done$/.test(line))).toBe(true);
  });

  test('exit codes say what kind of trouble it is', async () => {
    const dead = `http://127.0.0.1:${await freePort()}`;
    const statuses = async (...calls: Promise<Ended>[]) => (await Promise.all(calls)).map(({status}) => status);
    expect(
      await statuses(
        run(['nonsense']),
        run(['get', 'nonsense']),
        run(['tree', '--nonsense']),
        run(['apply', '-f', '/no/such']),
      ),
    ).toEqual([2, 2, 2, 2]);
    const away = {env: {FUSTOR_ENDPOINT: dead, FUSTOR_CONTROLLER: dead}};
    expect(
      await statuses(run(['tree'], away), run(['get', 'agents'], away), run(['apply', '-f', fleet.repository], away)),
    ).toEqual([3, 3, 3]);
    const stranger = {key: 'a-key-of-nobody-here'};
    expect(
      await statuses(run(['tree'], stranger), run(['get', 'agents'], stranger), run(['status'], stranger)),
    ).toEqual([4, 4, 4]);
    const {stdout} = await run(['get', 'agents', '-o', 'json'], away);
    expect(JSON.parse(stdout)).toMatchObject({error: {code: 'UNREACHABLE'}});
    for (const args of [['--help'], ['key', 'create', '--help']])
      expect(await fulfilled(...args)).toMatch(/^ {2}5 +conflict/m);
    const copy = join(fleet.folder, 'copy');
    cpSync(fleet.repository, copy, {recursive: true});
    expect(await fulfilled('diff', '-f', copy)).toBe('');
  });
});

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, {recursive: true, withFileTypes: true});
  return entries.filter(entry => entry.isFile()).map(({parentPath, name}) => join(parentPath, name));
}
