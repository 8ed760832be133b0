import {beforeEach, expect, onTestFinished, test} from 'vitest';
import {ManualClock, settled} from '../../test/lib/manual-clock.ts';
import {openMemoryControl} from '../../test/lib/memory-control.ts';
import {FustorError} from '../errors/fustor-error.ts';
import type {Log} from '../log/log.ts';
import {Signal} from '../pipe/signal.ts';
import type {PartReport} from '../shell/part-report.ts';
import {ControlLoop} from './control-loop.ts';
import {Controller} from './controller.ts';
import type {ControlHeartbeat, ControlHeartbeatAnswer} from './protocol.ts';

const silent: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => silent};

let clock: ManualClock;
let controller: Controller;
let changed: Signal;
let parts: PartReport[];
let report: () => PartReport[];
let executed: string[];
let logged: string[];
let sent: ControlHeartbeat[];
/** What the way does to a heartbeat; each test has its own weather. */
let way: (request: ControlHeartbeat, signal: AbortSignal) => Promise<ControlHeartbeatAnswer>;
let execute: (command: string, part: string) => Promise<string>;
let random: () => number;

beforeEach(() => {
  clock = new ManualClock();
  controller = new Controller({store: openMemoryControl(), clock, log: silent, randomId: () => `c${sent.length}`});
  changed = new Signal();
  parts = [part({})];
  report = () => parts;
  executed = [];
  logged = [];
  sent = [];
  way = (request, signal) => controller.heartbeat(request, 'agents', signal);
  execute = async (command, name) => {
    executed.push(`${command} ${name}`);
    return 'It was done.';
  };
  random = () => 0.5;
});

function part(more: Partial<PartReport>): PartReport {
  return {
    name: 'payload-p',
    state: 'running',
    pid: 7,
    startedAt: clock.now() - 5_000,
    starts: 1,
    memoryBytes: 10,
    retryAt: undefined,
    lastDeath: undefined,
    health: undefined,
    ...more,
  };
}

/** Runs until the test is over. */
function runLoop() {
  const stop = new AbortController();
  const note = (facts: object, message: string) => void logged.push(`${message} ${JSON.stringify(facts)}`);
  const log: Log = {...silent, info: note, warn: note};
  const shell = {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: 'h'};
  const loop = new ControlLoop(
    {agentId: 'node-a', instance: 'one', shell},
    {
      channel: {
        heartbeat: (request, signal) => {
          sent.push(request);
          return way(request, signal);
        },
      },
      report: () => report(),
      config: () => ({state: 'running'}),
      changed: [changed],
      execute: async ({command, part}) => ({message: await execute(command, part!)}),
      clock,
      random: () => random(),
      log,
    },
  );
  const running = loop.run(stop.signal);
  const end = async () => {
    stop.abort();
    await running;
  };
  onTestFinished(end);
  return {end};
}

const order = () =>
  controller.order({agent: 'node-a', part: 'payload-p', command: 'restart', key: 'ops', deadlineMs: 30_000});
const unreachable = async () => {
  throw new FustorError('UNREACHABLE', 'Cannot reach it.');
};

test('one heartbeat is always under way, and a change is told within a fifth of a second beside it', async () => {
  runLoop();
  await clock.pass(9_000);
  expect(sent).toHaveLength(1);
  const stderr = 'Segmentation fault';
  const death = {cause: 'signal' as const, code: null, signal: 'SIGSEGV', pid: 7, detail: 'It crashed.', stderr};
  const lastDeath = {...death, at: clock.now(), uptimeMs: 14_000};
  parts = [part({state: 'backoff', pid: undefined, startedAt: undefined, retryAt: clock.now() + 500, lastDeath})];
  changed.raise();
  await clock.pass(200);
  await settled();
  expect(controller.agent('node-a').parts).toMatchObject([
    {
      state: 'backoff',
      pid: null,
      uptime_ms: null,
      retry_in_ms: 300,
      last_death: {cause: 'signal', signal: 'SIGSEGV', stderr, uptime_ms: 14_000},
    },
  ]);
  expect(sent.map(({sequence}) => sequence)).toEqual([1, 2]);
  await clock.pass(30_000);
  expect(sent).toHaveLength(3);
});

test('a part that flaps is told of five times a second at most, two heartbeats at a time', async () => {
  let underWay = 0;
  let most = 0;
  way = async (request, signal) => {
    most = Math.max(most, ++underWay);
    return controller.heartbeat(request, 'agents', signal).finally(() => underWay--);
  };
  runLoop();
  for (let i = 0; i < 1_000; i++) {
    changed.raise();
    await clock.pass(10);
  }
  expect(sent.length).toBeLessThan(52);
  expect(sent.length).toBeGreaterThan(25);
  expect(most).toBe(2);
});

test('a controller that hangs has two heartbeats to hang on, however much changes', async () => {
  let underWay = 0;
  way = (_, signal) => {
    underWay++;
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  runLoop();
  for (let i = 0; i < 100; i++) {
    changed.raise();
    await clock.pass(100);
  }
  expect(underWay).toBe(2);
});

test('a command that was held for longer than it had time was not that long on its way', async () => {
  runLoop();
  await clock.pass(9_000);
  await controller.order({agent: 'node-a', part: 'payload-p', command: 'kill', key: 'ops', deadlineMs: 5_000});
  await clock.pass(1_000);
  expect(executed).toEqual(['kill payload-p']);
  await clock.pass(30_000);
  expect(sent.filter(({acknowledgements}) => acknowledgements.length > 0)).toHaveLength(1);
});

test('a command is executed once and acknowledged, also when its answer and its acknowledgement are lost and told again', async () => {
  let isLosing = true;
  way = async (request, signal) => {
    const answer = await controller.heartbeat(request, 'agents', signal);
    if (isLosing && (answer.commands.length > 0 || request.acknowledgements.length > 0)) return unreachable();
    return answer;
  };
  runLoop();
  await settled();
  const {command} = await order();
  await clock.pass(3_000);
  expect(executed).toEqual([]);
  isLosing = false;
  await clock.pass(5_000);
  expect(executed).toEqual(['restart payload-p']);
  expect(controller.command('node-a', command.id)).toMatchObject({state: 'done', message: 'It was done.'});
});

test('a command that is told again when it has long been done is acknowledged again, not executed', async () => {
  const again = {id: 'old', part: 'payload-p', command: 'kill' as const, deadline_ms: 60_000};
  way = async (request, signal) => {
    if (request.known_commands.length > 0 || request.acknowledgements.length > 0)
      return controller.heartbeat(request, 'agents', signal);
    return {commands: [again], held_ms: 0};
  };
  runLoop();
  await clock.pass(60_000);
  expect(executed).toEqual(['kill payload-p']);
  const told = sent.filter(({acknowledgements}) => acknowledgements.some(({outcome}) => outcome === 'done'));
  expect(told.length).toBeGreaterThan(2);
});

test('a command that takes long is known meanwhile, and one that fails says why', async () => {
  const execution = Promise.withResolvers<string>();
  execute = () => execution.promise;
  runLoop();
  await settled();
  const {command} = await order();
  await clock.pass(15_000);
  expect(sent.at(-1)!.known_commands).toEqual([command.id]);
  execution.reject(new Error('It is not wanted any more.'));
  await clock.pass(300);
  expect(controller.command('node-a', command.id)).toMatchObject({
    state: 'failed',
    message: 'It is not wanted any more.',
  });
});

test('a command that was too long on its way is not executed', async () => {
  way = async (request, signal) => {
    const answer = await controller.heartbeat(request, 'agents', signal);
    if (answer.commands.length > 0) await clock.sleep(31_000);
    return answer;
  };
  runLoop();
  await settled();
  await clock.pass(5_000); // held for so long: that is not on its way
  const {command} = await order();
  await clock.pass(40_000);
  expect(executed).toEqual([]);
  expect(controller.command('node-a', command.id)).toMatchObject({state: 'expired'});
});

test('a controller that is away is asked again after 0.5 to 60 s, with jitter also at the cap, and told of once', async () => {
  way = unreachable;
  const askedAt: number[] = [];
  let random01 = 0;
  random = () => {
    askedAt.push(clock.monotonic());
    random01 = (random01 + 0.37) % 1;
    return random01;
  };
  runLoop();
  await clock.pass(3_600_000);
  const pauses = askedAt.slice(1).map((at, index) => at - askedAt[index]!);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(500);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(60_000);
  const late = new Set(pauses.slice(-20));
  expect(late.size).toBeGreaterThan(10);
  expect(Math.max(...late) - Math.min(...late)).toBeGreaterThan(30_000);
  expect(logged).toEqual([expect.stringContaining('cannot be reached')]);
  way = (request, signal) => controller.heartbeat(request, 'agents', signal);
  await clock.pass(60_000);
  expect(logged).toEqual([expect.anything(), 'the controller answers again {}']);
});

test('a controller that never holds is not asked all the time', async () => {
  way = async () => ({commands: [], held_ms: 0});
  runLoop();
  await clock.pass(600_000);
  expect(sent.length).toBeLessThan(60);
});

test('it ends when it is told to, also while a heartbeat is held and while it waits', async () => {
  const first = runLoop();
  await settled();
  await first.end();
  way = unreachable;
  const second = runLoop();
  await settled();
  await second.end();
});

test('a state that cannot be told now is told later, and ends nothing', async () => {
  report = () => {
    throw new Error('ENOENT');
  };
  runLoop();
  await clock.pass(10_000);
  expect([sent, logged]).toEqual([[], [expect.stringContaining('ENOENT')]]);
  report = () => parts;
  await clock.pass(60_000);
  expect(controller.agent('node-a').parts).toMatchObject([{name: 'payload-p'}]);
});
