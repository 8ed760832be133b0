import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {type CannedFusion, type Listening, listen, startCannedFusion} from '../../test/lib/canned-fusion.ts';
import {controllerParts} from '../../test/lib/controller-parts.ts';
import {type FleetFacts, healthyFleet} from '../../test/lib/healthy-fleet.ts';
import {openMemoryControl} from '../../test/lib/memory-control.ts';
import {createControllerApp} from '../controller/app.ts';
import {hashKeys, KeyRing} from '../http/keys.ts';
import {systemClock} from '../system-clock.ts';
import {Client} from './client.ts';
import {status} from './commands/status.ts';
import {wait} from './commands/wait.ts';
import {runVerb, type Verb} from './verb.ts';
import {type Found, readCondition} from './wait-condition.ts';

const keys = hashKeys([
  {name: 'scripts', role: 'reader', key: 'key-of-scripts', views: '*'},
  {name: 'agents', role: 'agent', key: 'key-of-the-agents', views: []},
]);

let facts: FleetFacts;
let controller: Listening;
let fusion: CannedFusion;
beforeEach(async () => {
  const store = openMemoryControl();
  facts = healthyFleet(systemClock.now(), {agents: 1, fusions: 1, views: 1});
  for (const {stored} of facts.nodes) await store.write(txn => txn.putAgent(stored));
  const parts = await controllerParts({store, facts: () => facts});
  const app = createControllerApp({...parts, keys: new KeyRing(keys)});
  [controller, fusion] = await Promise.all([listen(app.fetch), startCannedFusion()]);
});
afterEach(() => Promise.all([controller.stop(), fusion.stop()]));

const stored = () => facts.nodes[0]!.stored;
function quarantine(): void {
  Object.assign(stored().parts[0]!, {state: 'quarantined', last_death: null});
}

describe('status', () => {
  test('of a controller: nothing needs action, and that is 0', async () => {
    expect(await run(status, [])).toEqual({exit: 0, out: 'Nothing needs action.\n', err: ''});
    const {out} = await run(status, ['-o', 'json']);
    expect(JSON.parse(out).data).toMatchObject({healthy: true, problems: [], views: [{view: 'view-0', state: 'live'}]});
  });

  test('what needs action, since when, and the command to type; what does not is a notice', async () => {
    quarantine();
    facts.pin = {revision: 3, by: 'ops', at: 1_700_000_000_000};
    const {exit, out, err} = await run(status, []);
    expect(out).toMatch(
      /^ERROR {4}pipe\/node-0\/to-view-0 {2}since 20\S+Z\n {9}Its process died too often.*\n {9}\$ fustorctl agent restart node-0 to-view-0\n$/,
    );
    expect(err).toBe('revision/3: Changes do not come into force: ops has pinned revision 3.\n');
    expect(exit).toBe(1);
    expect((await run(status, ['-o', 'name'])).out).toBe('pipe/node-0/to-view-0\nrevision/3\n');
  });

  test('a notice alone is 0', async () => {
    facts.pin = {revision: 3, by: 'ops', at: 1_700_000_000_000};
    expect(await run(status, [])).toMatchObject({exit: 0, out: 'Nothing needs action.\n'});
  });

  test('--all shows also what is as it should be', async () => {
    facts.pin = {revision: 3, by: 'ops', at: 1_700_000_000_000};
    const {out} = await run(status, ['--all']);
    expect(out).toMatch(/^view-0 +fusion-0 +live/m);
    expect(out).toMatch(/^agent +node-0 +online/m);
    expect(out).toMatch(/^fusion +fusion-0 +online/m);
    expect(out).toMatch(/^NOTICE {3}revision\/3 {2}since 2023-11-14T22:13:20.000Z$/m);
  });

  test('of a fusion and a controller: a view that is not fed is a problem, whoever says it', async () => {
    const both = ['--endpoint', fusion.url, '--controller', controller.url];
    const {exit, out} = await run(status, both);
    expect(out).toBe(
      'ERROR    view/archive\n         It is not fed: no agent is connected.\n         $ fustorctl status --view archive\n',
    );
    expect(exit).toBe(1);
    const {data} = JSON.parse((await run(status, [...both, '-o', 'json'])).out);
    expect(data).toMatchObject({healthy: false, views: [{view: 'research'}, {view: 'archive', sync: 'stale'}]});
    expect((await run(status, [...both, '--all'])).out).toMatch(/^research +live/m);
  });

  test('of one view: as the fusion tells it, or else as the controller heard it', async () => {
    Object.assign(facts.nodes[1]!.stored.views![0]!, {sync: 'unreadable', problem: 'damaged'});
    const {exit, out} = await run(status, ['--view', 'view-0']);
    expect(out).toMatch(/^fusion +fusion-0$/m);
    expect(out).toMatch(/^ERROR {4}view\/view-0/m);
    expect(exit).toBe(1);
    const both = ['--endpoint', fusion.url, '--controller', controller.url];
    expect((await run(status, [...both, '--view', 'research'])).exit).toBe(0);
    expect(await run(status, ['--view', 'nothing'])).toMatchObject({exit: 2, err: expect.stringContaining('nothing')});
  });

  test('a controller that is away is told, and is 1; the views are shown all the same', async () => {
    const {exit, out, err} = await run(status, ['--endpoint', fusion.url, '--controller', 'http://127.0.0.1:1']);
    expect({exit, err}).toEqual({exit: 1, err: expect.stringContaining('Cannot reach http://127.0.0.1:1')});
    expect(out).toMatch(/^research +live/m);
  });

  test('a key that may not look is 4', async () => {
    expect((await run(status, [], 'key-of-the-agents')).exit).toBe(4);
  });
});

describe('wait', () => {
  test.each([
    ['applied'],
    ['applied', 'agent/node-0'],
    ['applied', 'pipe/node-0/to-view-0'],
    ['online'],
    ['online', 'fusions/fusion-0'],
    ['complete', 'view/view-0'],
    ['complete'],
    ['deleted', 'agent/another'],
    ['deleted', 'pipe/node-0/another'],
  ])('%s %s has come already', async (...words) => {
    expect(await run(wait, ['--for', ...words])).toEqual({exit: 0, out: '', err: ''});
  });

  test.each([
    [['applied', 'agent/node-0'], () => (stored().config.desired = 'other'), 'agent/node-0 is online, pending'],
    [['applied'], () => facts.desired.agents.push({id: 'new', pipes: []}), 'agent/new is never_seen, pending'],
    [
      ['applied', 'pipe/node-0/to-view-0'],
      () => (stored().config.parts![0]!.state = 'soaking'),
      'pipe/node-0/to-view-0 is running, soaking',
    ],
    [['applied', 'agent/none'], () => {}, 'agent/none is unknown, -'],
    [['online', 'agent/node-0'], () => (facts.nodes[0]!.isOnline = false), 'agent/node-0 is silent'],
    [['complete'], () => (facts.nodes[1]!.stored.views![0]!.complete = false), 'view/view-0 is not complete'],
    [
      ['complete'],
      () => {
        facts.desired.views = [];
        facts.desired.agents = [];
        facts.nodes = [];
      },
      'there is no view, or none that this key may see',
    ],
    [['deleted', 'pipe/node-0/to-view-0'], () => {}, 'pipe/node-0/to-view-0 is configured'],
    [['deleted', 'view/view-0'], () => (facts.desired.views = []), 'view/view-0 is live'],
  ] as [string[], () => unknown, string][])(
    '%j is not so, and what is missing is told',
    async ([condition, subject], change, missing) => {
      change();
      expect(await look(condition!, subject, controller.url)).toEqual({missing: [missing], isHopeless: false});
    },
  );

  test('what does not come in time is 6, with what is missing', async () => {
    const args = ['agent/none', '--for=applied', '--timeout', '3s']; // so long a busy machine may take for the last answer
    const [text, json] = await Promise.all([run(wait, args), run(wait, [...args, '-o', 'json'])]);
    const missing = 'agent/none is unknown, -';
    expect(text).toEqual({exit: 6, out: '', err: `${missing}\nIt is not so after 3 s.\n`});
    expect(json).toMatchObject({exit: 6, err: ''});
    expect(JSON.parse(json.out).data).toMatchObject({condition: 'applied', met: false, missing: [missing]});
  });

  test('what comes meanwhile is waited for', async () => {
    facts.nodes[0]!.isOnline = false;
    const waiting = run(wait, ['agent/node-0', '--for=online']);
    facts.nodes[0]!.isOnline = true;
    expect(await waiting).toEqual({exit: 0, out: '', err: ''});
  });

  test('a controller that is away is waited for too', async () => {
    const away = await run(wait, ['--for=online', '--timeout', '50ms', '--endpoint', 'http://127.0.0.1:1']);
    expect(away).toMatchObject({exit: 6, err: expect.stringContaining('http://127.0.0.1:1')});
  });

  test('where no controller is asked, nothing is known to be gone', async () => {
    await expect(look('deleted', 'agent/node-0', fusion.url)).rejects.toThrow('There is no controller at this address');
  });

  test('a scan ends well, or waiting for it does not help', async () => {
    const job = (id: string) => run(wait, [`--for=job=${id}`, '--endpoint', fusion.url, '--view', 'research']);
    const ask = (path: string) =>
      fetch(`${fusion.url}/api/v1/views/research/fs/scan`, {
        method: 'POST',
        headers: {authorization: 'Bearer key-of-scripts'},
        body: JSON.stringify({path}),
      });
    await Promise.all([ask('/d'), ask('/bad')]);
    expect(await job('job-of-/d')).toEqual({exit: 0, out: '', err: ''});
    expect(await job('job-of-/bad')).toMatchObject({exit: 1, err: expect.stringContaining('is not mounted')});
  });

  test.each([
    [['--for=settled=30s'], '"settled=30s" is nothing to wait for'],
    [['--for=job'], '"job" needs a value'],
    [['--for=online=3'], '"online" has no value'],
    [['--for=deleted'], '"deleted" needs a kind and a name'],
    [['view/x', '--for=online'], '"online" is nothing that view/x can be'],
    [['node-0', '--for=online'], '"node-0" is not KIND/NAME'],
    [[], '--for'],
  ])('%j is a wrong command line', async (args, message) => {
    const {exit, err} = await run(wait, args);
    expect(err).toContain(message);
    expect(exit).toBe(2);
  });
});

/** One look, however long the answer takes. */
function look(condition: string, subject: string | undefined, endpoint: string): Promise<Found> {
  const client = new Client({endpoint, key: 'key-of-scripts', timeoutMs: 30_000});
  return readCondition(condition, subject, {client, control: client, view: undefined})();
}

async function run<F extends object>(verb: Verb<F>, args: string[], key = 'key-of-scripts') {
  let out = '';
  let err = '';
  const exit = await runVerb(verb, args, {
    env: {FUSTOR_ENDPOINT: controller.url, FUSTOR_KEY: key},
    isTerminal: false,
    write: async data => {
      out += Buffer.from(data as string).toString();
    },
    notice: text => {
      err += `${text}\n`;
    },
  });
  return {exit, out, err};
}
