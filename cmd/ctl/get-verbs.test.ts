import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type CannedController, startCannedController} from '../../test/lib/canned-controller.ts';
import {type LineSettings, runLine} from '../../test/lib/run-line.ts';
import {kindNames} from './kinds.ts';

let controller: CannedController;
beforeAll(async () => {
  controller = await startCannedController();
});
afterAll(() => controller.stop());

describe('get', () => {
  test.each(kindNames)('lists %s in every form', async kind => {
    for (const form of ['table', 'wide', 'json', 'yaml', 'name']) {
      const {exit, out} = await run(`get ${kind} -o ${form}`);
      expect({kind, form, exit}).toEqual({kind, form, exit: 0});
      expect(out.endsWith('\n') || out === '').toBe(true);
    }
  });

  test('shows what an operator looks for first, and more with -o wide', async () => {
    const {out} = await run('get pipes');
    expect(out.split('\n')).toEqual([
      'AGENT   PIPE   VIEW      STATE        SINCE                     ROLE    APPLY        LAG',
      'node-a  alpha  research  running      2026-01-01T00:00:00.000Z  leader  applied      250ms',
      'node-a  beta   archive   quarantined  2026-01-01T00:00:00.000Z  -       rolled_back  -',
      '',
    ]);
    expect((await run('get pipes -o wide')).out).toMatch(/LAST FAILURE\n.*\n.*pipes\.beta\.source: no such source$/m);
    expect(controller.asked).toEqual(['GET /pipes']);
  });

  test('names are what "describe" and "get" take', async () => {
    expect((await run('get pipes -o name')).out).toBe('pipe/node-a/alpha\npipe/node-a/beta\n');
    expect((await run('get pipe/node-a/beta -o name')).out).toBe('pipe/node-a/beta\n');
    expect((await run('get identities -o name')).out).toBe('identity/agent/node-a\n');
    expect((await run('get key ops -o json')).out).toContain('"name": "ops"');
  });

  test('what is empty is an empty document, and a notice for people', async () => {
    expect((await run('get users -o json')).out).toBe('{\n  "data": []\n}\n');
    expect((await run('get users -o yaml')).out).toBe('data: []\n');
    expect(await run('get users')).toMatchObject({exit: 0, err: 'There are no users.\n'});
  });

  test.each([
    ['get pots', 2, 'There is no kind "pots"; there are agents, fusions,'],
    ['get', 2, 'kind'],
    ['get agents nobody', 1, 'There is no such thing.'],
    ['get keys nobody', 1, 'There is no key "nobody".'],
    ['get agents --key another-key', 4, 'Not with this key.'],
  ])('"%s" ends with %i', async (words, exit, message) => {
    expect(await run(words)).toMatchObject({exit, out: '', err: expect.stringContaining(message)});
    const error = JSON.parse((await run(`${words} -o json`)).out);
    expect(error.error.message).toContain(message);
  });
});

describe('describe', () => {
  test('tells desired, actual, last failure, last words and what to type next', async () => {
    const {exit, out} = await run('describe pipe node-a/beta');
    expect(out).toBe(`\
pipe/node-a/beta

Desired:
  name: beta
  source: beta
  sender: main
  view: archive

Actual:
  agent  node-a
  pipe   beta
  view   archive
  state  quarantined
  since  2026-01-01T00:00:00.000Z
  role   -
  apply  rolled_back

Last failure:
  OF             AT                        REASON
  configuration  2026-01-01T00:00:00.000Z  pipes.beta.source: no such source

Last words:
  node-a/beta died at 2026-01-01T00:00:00.000Z after 1h 2m, process 41: signal SIGSEGV. It crashed.
    last words

Next:
  Its process died too often. (since 2026-01-01T00:00:00.000Z)
    fustorctl agent restart node-a beta
`);
    expect(exit).toBe(0);
  });

  test('of an agent has its pipes, and what is wrong with them', async () => {
    const {out} = await run('describe agents node-a');
    expect(out).toMatch(/Desired:\n {2}name: node-a\n {2}pipes:\n/);
    expect(out).toMatch(/^ {2}beta +quarantined +- .* signal SIGSEGV$/m);
    expect(out).toMatch(/^ {2}payload-beta +2026\S+ +pipes\.beta\.source: no such source$/m);
    expect(out).toMatch(/Next:\n.*\n {4}fustorctl agent restart node-a beta\n$/);
    const {data} = JSON.parse((await run('describe agent/node-a -o json')).out);
    expect(data).toMatchObject({kind: 'agent', desired: {pipes: ['alpha', 'beta']}, problems: [{kind: 'quarantined'}]});
  });

  test('says what is only wanted, only heard, or neither', async () => {
    expect((await run('describe source alpha')).out).toMatch(/^source\/alpha\n\nDesired:\n[\s\S]*path: \/data/);
    expect((await run('describe fusion main')).out).toContain('Nothing in the desired state has this name.');
    expect(await run('describe agent nobody')).toMatchObject({exit: 1, err: expect.stringContaining('no such thing')});
    expect(await run('describe agent')).toMatchObject({exit: 2, err: expect.stringContaining('Which agent?')});
  });
});

function run(line: string, {env = {}, ...rest}: LineSettings = {}) {
  controller.asked.length = 0;
  controller.sent.length = 0;
  return runLine(line, {env: {FUSTOR_ENDPOINT: controller.url, FUSTOR_KEY: 'key-of-operators', ...env}, ...rest});
}
