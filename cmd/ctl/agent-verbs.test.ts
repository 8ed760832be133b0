import {afterEach, beforeEach, expect, test} from 'vitest';
import {ControlLoop} from '../../core/control/control-loop.ts';
import type {Controller} from '../../core/control/controller.ts';
import type {Log} from '../../core/log/log.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {PartReport} from '../../core/shell/part-report.ts';
import {type Listening, listen} from '../../test/lib/canned-fusion.ts';
import {controllerParts} from '../../test/lib/controller-parts.ts';
import {until} from '../../test/lib/until.ts';
import {createControllerApp} from '../controller/app.ts';
import {hashKeys, KeyRing} from '../http/keys.ts';
import {systemClock} from '../system-clock.ts';
import {agentList} from './commands/lists.ts';
import {nodeOrder} from './commands/node-order.ts';
import {agentShow} from './commands/node-show.ts';
import {runVerb, type Verb} from './verb.ts';

const agentKill = nodeOrder('agent', 'kill');
const agentRestart = nodeOrder('agent', 'restart');

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const keys = hashKeys([
  {name: 'ops', role: 'operator', key: 'key-of-operators', views: '*'},
  {name: 'scripts', role: 'reader', key: 'key-of-scripts', views: '*'},
]);

let controller: Controller;
let server: Listening;
let stop: AbortController;
let shell: Promise<void>;
let execute: (command: string, part: string) => Promise<string>;

beforeEach(async () => {
  let ids = 0;
  stop = new AbortController();
  const parts = await controllerParts({leaving: stop.signal, randomId: () => `c${ids++}`});
  controller = parts.controller;
  const app = createControllerApp({...parts, keys: new KeyRing(keys)});
  server = await listen(app.fetch);
  execute = async (command, part) => `${part}: ${command} done.`;
  const loop = new ControlLoop(
    {
      agentId: 'node-a',
      instance: 'one',
      shell: {pid: 11, version: '0.1.0', started_at: '2026-01-01T00:00:00.000Z', host: 'host-a'},
    },
    {
      channel: {heartbeat: (request, signal) => controller.heartbeat(request, 'agents', signal)},
      report: () => [part('alpha'), {...part('beta'), state: 'quarantined', pid: undefined, lastDeath: death}],
      config: () => ({state: 'running'}),
      changed: [new Signal()],
      execute: async ({command, part}) => ({message: await execute(command, part!)}),
      clock: systemClock,
      random: Math.random,
      log,
    },
  );
  shell = loop.run(stop.signal);
  await until(() => controller.agents().length === 1);
});
afterEach(async () => {
  stop.abort();
  await shell;
  await server.stop();
});

function part(pipe: string): PartReport {
  return {
    name: `payload-${pipe}`,
    state: 'running',
    pid: 42,
    startedAt: Date.now() - 65_500,
    starts: 3,
    memoryBytes: 97_600_000,
    retryAt: undefined,
    lastDeath: undefined,
    health: {pipe: {role: 'leader'}},
  };
}

const death: PartReport['lastDeath'] = {
  at: 1_767_225_600_000,
  cause: 'signal',
  code: null,
  signal: 'SIGSEGV',
  pid: 41,
  uptimeMs: 3_723_000,
  detail: 'It crashed.',
  stderr: 'first\n\x1b[31mlast words\n',
};

test('list tells who is heard', async () => {
  const {exit, out} = await run(agentList, []);
  const [heading, line] = out.split('\n');
  expect(heading).toMatch(/^AGENT +STATE +SINCE +HOST +VERSION +RUNNING +CONFIG$/);
  expect(line).toMatch(/^node-a +online +20\S+Z +host-a +0\.1\.0 +1\/2 +running$/);
  expect(exit).toBe(0);
  const json = JSON.parse((await run(agentList, ['-o', 'json'])).out);
  expect(json.data).toMatchObject([{id: 'node-a', state: 'online', parts: [{pipe: 'alpha'}, {pipe: 'beta'}]}]);
  expect(JSON.stringify(json)).not.toContain('last words');
});

test('show tells how each process is, how it died and its last words, as nothing that a terminal obeys', async () => {
  const {exit, out} = await run(agentShow, ['node-a']);
  expect(exit).toBe(0);
  expect(out).toMatch(/^shell\.pid +11$/m);
  expect(out).toMatch(/^alpha +running +42 +1m 5s +93\.1MiB +2 +- +-$/m);
  expect(out).toMatch(/^beta +quarantined +- +- +93\.1MiB +2 +- +signal SIGSEGV$/m);
  expect(out).toContain(
    'payload-beta died at 2026-01-01T00:00:00.000Z after 1h 2m, process 41: signal SIGSEGV. It crashed.\n  first\n  \\033[31mlast words\n',
  );
  const json = JSON.parse((await run(agentShow, ['node-a', '-ojson'])).out);
  expect(json.data.parts[1].last_death).toMatchObject({signal: 'SIGSEGV', stderr: death!.stderr});
});

test('restart of one pipe waits until it is done', async () => {
  const {exit, out} = await run(agentRestart, ['node-a', 'beta']);
  expect(out).toMatch(/^beta +restart +done +payload-beta: restart done\.$/m);
  expect(exit).toBe(0);
});

test('kill without a pipe is for all of them', async () => {
  const {exit, out} = await run(agentKill, ['node-a', '-o', 'json']);
  expect(JSON.parse(out).data).toMatchObject([
    {pipe: 'alpha', command: 'kill', state: 'done', ordered_by: 'ops'},
    {pipe: 'beta', command: 'kill', state: 'done'},
  ]);
  expect(exit).toBe(0);
});

test('one that fails is exit code 1, one whose end is not heard of in time 6', async () => {
  execute = (_, name) => Promise.reject(new Error(`${name} is not wanted any more.`));
  const failed = await run(agentKill, ['node-a', 'alpha']);
  expect({exit: failed.exit, out: failed.out}).toEqual({
    exit: 1,
    out: expect.stringContaining('payload-alpha is not wanted any more.'),
  });
  execute = () => new Promise(() => {});
  const late = await run(agentRestart, ['node-a', 'alpha', '--timeout', '2s']);
  expect({exit: late.exit, out: late.out}).toEqual({exit: 6, out: expect.stringMatching(/^alpha +restart +sent +-$/m)});
});

test('--no-wait is done when the controller has taken it', async () => {
  const {exit, out} = await run(agentRestart, ['node-a', 'alpha', '--no-wait', '-o', 'json']);
  expect({exit, state: JSON.parse(out).data[0].state}).toEqual({exit: 0, state: 'queued'});
});

test('a silent agent hears of it when it is back in time, or not at all', async () => {
  const silent = {instance: 'gone', sequence: 1, config: {state: 'running' as const}};
  const shell = {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: 'h'};
  const {parts} = controller.agent('node-a');
  const beat = {...silent, agent_id: 'node-b', shell, parts, acknowledgements: [], known_commands: [], wait_ms: 0};
  await controller.heartbeat(beat, 'agents', AbortSignal.abort());
  const {exit, out} = await run(agentRestart, ['node-b', 'alpha', '--timeout', '2s']);
  expect({exit, out}).toEqual({exit: 6, out: expect.stringMatching(/^alpha +restart +queued +-$/m)});
  await controller.tick();
  expect(await controller.heartbeat({...beat, sequence: 2}, 'agents', AbortSignal.abort())).toMatchObject({
    commands: [],
  });
});

test.each([
  [agentShow, ['nobody'], 'key-of-operators', 1, 'There is no agent "nobody"'],
  [agentRestart, ['node-a', 'nothing'], 'key-of-operators', 1, 'It has alpha, beta.'],
  [agentRestart, ['node-a'], 'key-of-scripts', 4, 'may not order commands'],
  [agentShow, ['node-a'], 'another-key', 4, 'not known here'],
  [agentShow, [], 'key-of-operators', 2, 'agent'],
])('%o %j as %s ends with its exit code', async (verb, args, key, code, message) => {
  const {exit, err} = await run(verb as Verb<object>, args, key);
  expect(err).toContain(message);
  expect(exit).toBe(code);
});

async function run<F extends object>(verb: Verb<F>, args: string[], key = 'key-of-operators') {
  let out = '';
  let err = '';
  const exit = await runVerb(verb, args, {
    env: {FUSTOR_ENDPOINT: server.url, FUSTOR_KEY: key},
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
