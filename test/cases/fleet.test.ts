import {mkdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {Fleet} from '../lib/fleet.ts';
import {makeTree} from '../lib/make-tree.ts';
import {until} from '../lib/until.ts';

/** As `get pipes AGENT/PIPE` tells it. */
type Pipe = {
  state: string;
  apply: string | null;
  running: string | null;
  last_failed: {reason: string} | null;
};

/** One controller, two fusions, five agents; driven by commits and `fustorctl` alone. The tests build on each other. */
describe.skipIf(mountsMissing !== undefined)('a fleet', () => {
  const nodes = ['east', 'west', 'node-1', 'node-2', 'node-3', 'node-4', 'node-5'];
  let fleet: Fleet;

  beforeAll(async () => {
    fleet = new Fleet({
      fusions: {east: {storage: 'alpha'}, west: {storage: 'beta'}},
      agents: {
        'node-1': {storage: 'alpha', isMounted: true},
        'node-2': {storage: 'alpha', isMounted: true},
        'node-3': {storage: 'alpha'},
        'node-4': {storage: 'beta', isMounted: true},
        'node-5': {storage: 'beta'},
      },
    });
    await fleet.prepare();
    makeTree(fleet.storage('alpha'), 500);
    makeTree(fleet.storage('beta'), 500);
  });
  afterAll(() => fleet?.dispose());

  const pipe = async (agent: string): Promise<Pipe> => {
    const {data} = await fleet.ask('get', 'pipes', `${agent}/${agent < 'node-4' ? 'alpha' : 'beta'}`);
    return data as Pipe;
  };
  const pidsOfAll = () => Object.fromEntries(nodes.map(name => [name, fleet.pids(name)]));
  const applied = (...args: string[]) => fleet.fustorctl(['wait', '--for=applied', ...args, '--timeout', '60s']);

  test('nodes that know three lines enrol, are told everything else, and the views are as the storages', async () => {
    await fleet.enrolAll();
    expect(await applied()).toMatchObject({status: 0});
    await fleet.same('east');
    await fleet.same('west');
    const {status, stdout} = await fleet.fustorctl(['status']);
    expect([status, stdout]).toEqual([0, expect.any(String)]);
    for (const name of nodes) expect(fleet.log(name)).not.toMatch(/"level":[56]0/);
  });

  test('another root of a scan, in Git, is applied within two seconds of the sync, and no other payload is touched', async () => {
    const before = pidsOfAll();
    const path = join(fleet.folder, 'elsewhere');
    mkdirSync(path);
    writeFileSync(join(path, 'new-root'), 'x');
    fleet.commit('node-5 reads elsewhere', {'agents/node-5.yaml': fleet.agentFile('node-5', {path})});
    expect(await fleet.fustorctl(['sync'])).toMatchObject({status: 0});
    const syncedAt = performance.now();
    const restarted = () => fleet.pids('node-5')['payload-beta'] !== before['node-5']!['payload-beta'];
    await until(restarted, {what: 'another payload of node-5', everyMs: 10});
    expect(performance.now() - syncedAt).toBeLessThan(2_000);
    expect(await applied('agent/node-5')).toMatchObject({status: 0});
    const after = pidsOfAll();
    expect({...after, 'node-5': before['node-5']}).toEqual(before);
    fleet.commit('node-5 reads its storage again', {'agents/node-5.yaml': fleet.agentFile('node-5')});
    expect(await fleet.fustorctl(['sync'])).toMatchObject({status: 0});
    expect(await applied('agent/node-5')).toMatchObject({status: 0});
  });

  test('one that cannot run is rolled back by its node, and the others do not notice', async () => {
    const before = pidsOfAll();
    const good = await pipe('node-3');
    const broken = fleet.agentFile('node-3', {path: '/no/such/directory'});
    fleet.commit('a mistake', {'agents/node-3.yaml': broken});
    expect(await fleet.fustorctl(['sync'])).toMatchObject({status: 0});
    const back = await until(
      async () => {
        const found = await pipe('node-3');
        return found.apply === 'rolled_back' && found.state === 'running' ? found : undefined;
      },
      {timeoutMs: 60_000, what: 'the rollback of node-3'},
    );
    expect(back.running).toBe(good.running);
    expect(back.last_failed?.reason).toContain('/no/such/directory');
    const {status, stdout} = await fleet.fustorctl(['status']);
    expect(status).toBe(1);
    expect(stdout).toMatch(/node-3.*/);
    expect({...pidsOfAll(), 'node-3': before['node-3']}).toEqual(before);
    await fleet.same('east');
  });

  test('a file that does not validate stays as it was, and another one in the same commit counts', async () => {
    fleet.commit('half of it is wrong', {
      'agents/node-3.yaml': fleet.agentFile('node-3'),
      'agents/node-1.yaml': 'agent: { id: node-1 }\npipes: { alpha: { source: nothing } }\n',
      'agents/node-2.yaml': fleet.agentFile('node-2', {pipe: ', audit_interval: 1h'}),
    });
    const {status, stdout, stderr} = await fleet.fustorctl(['sync']);
    expect(status).toBe(1);
    expect(stdout + stderr).toContain('agents/node-1.yaml');
    expect(await applied('agent/node-2')).toMatchObject({status: 0});
    expect(await applied('agent/node-3')).toMatchObject({status: 0});
    expect(await pipe('node-1')).toMatchObject({state: 'running', apply: 'applied'});
    fleet.commit('mended', {'agents/node-1.yaml': fleet.agentFile('node-1')});
    expect(await fleet.fustorctl(['sync'])).toMatchObject({status: 0});
  });

  test('with the controller dead nothing stops, not even what is restarted', async () => {
    await applied();
    expect(await fleet.fustorctl(['backup', join(fleet.folder, 'backup.mdb')])).toMatchObject({status: 0});
    await fleet.end('controller', 'SIGKILL');
    const before = pidsOfAll();
    process.kill(before['node-2']!['payload-alpha']!, 'SIGKILL');
    process.kill(before['node-4']!.shell!, 'SIGKILL');
    await fleet.end('node-4');
    fleet.start('node-4');
    await fleet.end('west');
    fleet.start('west');
    writeFileSync(join(fleet.storage('alpha'), 'while the controller is dead'), 'x');
    rmSync(join(fleet.storage('beta'), 'file-0-of-some-data.dat'));
    await fleet.same('east');
    await fleet.same('west');
    const killed = before['node-2']!['payload-alpha'];
    const isBack = () => ![undefined, killed].includes(pidsOfAll()['node-2']!['payload-alpha']);
    await until(isBack, {what: 'the payload of node-2'});
  });

  test('a controller that is restored from a backup restarts nobody', async () => {
    const before = pidsOfAll();
    // As its help says: the file in an empty data directory, beside the key.
    const data = join(fleet.folder, 'controller');
    const key = readFileSync(join(data, 'master.key'));
    rmSync(data, {recursive: true});
    mkdirSync(data);
    writeFileSync(join(data, 'master.key'), key, {mode: 0o600});
    renameSync(join(fleet.folder, 'backup.mdb'), join(data, 'control.mdb'));
    await fleet.startController();
    expect(await applied()).toMatchObject({status: 0});
    expect(pidsOfAll()).toEqual(before);
    await fleet.same('east');
  });

  test('a node whose identity is revoked is cut off within seconds, and its own work goes on', async () => {
    const isKnown = async () => JSON.stringify((await fleet.ask('get', 'sessions')).data).includes('node-5');
    await until(isKnown, {timeoutMs: 10_000, what: 'the session of node-5 in the eyes of the controller'});
    const pids = fleet.pids('node-5');
    expect(await fleet.fustorctl(['identity', 'revoke', 'agent/node-5'])).toMatchObject({status: 0});
    const isGone = async () => {
      const {text} = await fleet.get('west', '/api/v1/views/beta/status');
      return !JSON.parse(text).data.agents.some(({id}: {id: string}) => id === 'node-5');
    };
    await until(isGone, {timeoutMs: 10_000, what: 'the session of node-5 to be gone'});
    expect(fleet.pids('node-5')).toEqual(pids);
    // What another agent sees goes on being told.
    writeFileSync(join(fleet.mount('node-4'), 'after the revocation'), 'x');
    await fleet.same('west');
  });
});
