import {beforeEach, expect, test} from 'vitest';
import {ManualClock, settled} from '../../test/lib/manual-clock.ts';
import {openMemoryControl} from '../../test/lib/memory-control.ts';
import type {Log} from '../log/log.ts';
import type {ControlStore} from './control-store.ts';
import {Controller} from './controller.ts';
import type {ControlHeartbeat, ControlHeartbeatAnswer, ReportedPart} from './protocol.ts';

let logged: string[];
const note = (_: object, message: string) => void logged.push(message);
const log: Log = {debug() {}, info: note, warn: note, error: note, child: () => log};

let clock: ManualClock;
let store: ControlStore;
let controller: Controller;
let ids: number;
let leaving: AbortController;
beforeEach(() => {
  clock = new ManualClock();
  store = openMemoryControl();
  ids = 0;
  logged = [];
  restart();
});

/** As after `kill -9`: only the store is left. */
function restart(): void {
  leaving = new AbortController();
  controller = new Controller({store, clock, log, randomId: () => `c${++ids}`, leaving: leaving.signal});
}

function part(pipe: string): ReportedPart {
  return {
    name: `payload-${pipe}`,
    state: 'running',
    pid: 7,
    started_at: null,
    uptime_ms: 5,
    starts: 1,
    memory_bytes: 1,
    retry_in_ms: null,
    last_death: null,
    health: null,
  };
}

let sequence = 0;
function heartbeat(more: Partial<ControlHeartbeat> = {}): ControlHeartbeat {
  return {
    agent_id: 'node-a',
    instance: 'one',
    sequence: ++sequence,
    shell: {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: 'h'},
    config: {state: 'running'},
    parts: [part('p'), part('q')],
    acknowledgements: [],
    known_commands: [],
    wait_ms: 0,
    ...more,
  };
}

const never = new AbortController().signal;
const beat = (more: Partial<ControlHeartbeat> = {}, signal = never) =>
  controller.heartbeat(heartbeat(more), 'agents', signal);
const order = (more: {id?: string; part?: string; deadlineMs?: number; command?: 'restart' | 'kill'} = {}) =>
  controller.order({
    agent: 'node-a',
    part: 'payload-p',
    command: 'restart',
    key: 'ops',
    deadlineMs: 30_000,
    ...more,
  });

/** A heartbeat that is held, and its answer when it has come. */
function held(more: Partial<ControlHeartbeat> = {}, signal = never) {
  const state: {answer?: ControlHeartbeatAnswer} = {};
  void beat({wait_ms: 10_000, ...more}, signal).then(answer => {
    state.answer = answer;
  });
  return state;
}

test('a command is told to a held heartbeat at once, with what is left of its time, and ends by its acknowledgement', async () => {
  const waiting = held();
  await settled();
  expect(waiting.answer).toBeUndefined();
  await clock.pass(4_000);
  const {command} = await order();
  expect(command).toMatchObject({id: 'c1', state: 'queued', pipe: 'p', ordered_by: 'ops', deadline_ms: 30_000});
  await settled();
  expect(waiting.answer).toEqual({
    commands: [{id: 'c1', part: 'payload-p', command: 'restart', deadline_ms: 30_000}],
    held_ms: 4_000,
  });
  expect(controller.command('node-a', 'c1')).toMatchObject({state: 'sent', ended_at: null});
  await beat({acknowledgements: [{id: 'c1', outcome: 'done', message: 'did it'}]});
  expect(controller.command('node-a', 'c1')).toMatchObject({state: 'done', message: 'did it', deadline_ms: null});
});

test('a command whose answer was lost is told again to the same shell, and not while the shell knows it', async () => {
  await beat();
  await order();
  expect((await beat()).commands).toHaveLength(1);
  await clock.pass(10_000);
  expect((await beat()).commands).toMatchObject([{id: 'c1', deadline_ms: 20_000}]);
  const waiting = held({known_commands: ['c1']});
  await settled();
  await clock.pass(9_999);
  expect(waiting.answer).toBeUndefined();
  await clock.pass(1);
  expect(waiting.answer).toEqual({commands: [], held_ms: 10_000});
});

test('a command that was told to a shell is never told to the next one: it has failed, because nobody knows', async () => {
  await beat();
  await order();
  await beat();
  expect((await beat({instance: 'two'})).commands).toEqual([]);
  expect(controller.command('node-a', 'c1')).toMatchObject({
    state: 'failed',
    message: expect.stringContaining('may have been done'),
  });
});

test('a command that was never told survives a restart of the controller and of the shell', async () => {
  await beat();
  await order();
  restart();
  expect((await beat({instance: 'two'})).commands).toMatchObject([{id: 'c1'}]);
});

test('a restarted controller does not tell again what another instance was told', async () => {
  await beat();
  await order();
  await beat();
  restart();
  expect((await beat()).commands).toHaveLength(1);
  expect((await beat({instance: 'two'})).commands).toHaveLength(0);
});

test('a command that nobody fetches in time expires and is never told', async () => {
  await beat();
  await order({deadlineMs: 5_000});
  await clock.pass(5_000);
  await controller.tick();
  expect(controller.command('node-a', 'c1')).toMatchObject({state: 'expired'});
  expect((await beat()).commands).toEqual([]);
});

test('a command whose answer was lost has expired when its shell comes too late for it', async () => {
  await beat();
  await order({deadlineMs: 5_000});
  await beat();
  await clock.pass(5_000);
  expect((await beat()).commands).toEqual([]);
  expect(controller.command('node-a', 'c1').state).toBe('expired');
});

test('a late acknowledgement corrects a command that was given up', async () => {
  await beat();
  await order({deadlineMs: 5_000});
  await beat();
  await clock.pass(60_000);
  await controller.tick();
  expect(controller.command('node-a', 'c1').state).toBe('sent');
  await clock.pass(600_000);
  await controller.tick();
  expect(controller.command('node-a', 'c1').state).toBe('expired');
  await beat({acknowledgements: [{id: 'c1', outcome: 'done', message: 'at last'}]});
  expect(controller.command('node-a', 'c1')).toMatchObject({state: 'done', message: 'at last'});
});

test('the same order again is the same command, another one with its id is a conflict', async () => {
  await beat();
  expect(await order({id: 'mine'})).toMatchObject({isNew: true});
  expect(await order({id: 'mine'})).toMatchObject({isNew: false, command: {id: 'mine'}});
  await expect(order({id: 'mine', command: 'kill'})).rejects.toMatchObject({code: 'COMMAND_CONFLICT'});
});

test('what nobody knows cannot be ordered, and a hundred wait at most', async () => {
  await expect(order()).rejects.toMatchObject({code: 'AGENT_NOT_FOUND'});
  await beat();
  await expect(order({part: 'payload-x'})).rejects.toMatchObject({code: 'PIPE_NOT_FOUND', hint: 'It has p, q.'});
  for (let i = 0; i < 100; i++) await order();
  await expect(order()).rejects.toMatchObject({code: 'TOO_MANY_COMMANDS'});
});

test('a newer heartbeat replaces a held one at once, and one that was overtaken says nothing', async () => {
  const first = held();
  await settled();
  const second = held({parts: [{...part('p'), state: 'backoff'}]});
  await settled();
  expect(first.answer).toEqual({commands: [], held_ms: 0});
  expect(second.answer).toBeUndefined();
  expect(await beat({sequence: sequence - 1, parts: []})).toEqual({commands: [], held_ms: 0});
  expect(controller.agent('node-a').parts).toMatchObject([{state: 'backoff', pipe: 'p'}]);
});

test('a held heartbeat is answered when nobody may wait longer, and tells no command to somebody who is gone', async () => {
  const gone = new AbortController();
  const waiting = held({}, gone.signal);
  await settled();
  gone.abort();
  await settled();
  expect(waiting.answer).toEqual({commands: [], held_ms: 0});
  await order();
  expect(controller.command('node-a', 'c1').state).toBe('queued');
});

test('an agent is online while it is heard, then silent since it was heard last; both survive a restart', async () => {
  const startedAt = new Date(clock.now()).toISOString();
  held({wait_ms: 10_000});
  await settled();
  await clock.pass(15_000);
  held({wait_ms: 10_000});
  await settled();
  const heardAt = new Date(clock.now()).toISOString();
  await clock.pass(19_999);
  expect(controller.agent('node-a')).toMatchObject({state: 'online', since: startedAt, silent_ms: 19_999});
  await controller.tick();
  restart();
  expect(controller.counts()).toEqual({online: 1, silent: 0});
  await clock.pass(1);
  expect(controller.agents()).toMatchObject([{state: 'silent', since: heardAt, silent_ms: 20_000}]);
  restart();
  expect(controller.agents()).toMatchObject([{state: 'silent', since: heardAt}]);
  expect(controller.counts()).toEqual({online: 0, silent: 1});
  await beat();
  expect(controller.agent('node-a')).toMatchObject({state: 'online', since: new Date(clock.now()).toISOString()});
});

test('an agent whose connection breaks is silent ten seconds later, unless it comes back', async () => {
  const broken = new AbortController();
  const waiting = held({wait_ms: 30_000}, broken.signal);
  await settled();
  await clock.pass(5_000);
  broken.abort();
  await settled();
  expect(waiting.answer).toBeDefined();
  await clock.pass(9_999);
  expect(controller.counts()).toEqual({online: 1, silent: 0});
  await clock.pass(1);
  expect(controller.counts()).toEqual({online: 0, silent: 1});
  await beat({wait_ms: 0}, broken.signal);
  expect(controller.counts()).toEqual({online: 1, silent: 0});
});

test('the end of a controller makes nobody silent for the one that is started in its place', async () => {
  const answer = controller.heartbeat(heartbeat({wait_ms: 20_000}), 'agents', leaving.signal);
  await settled();
  leaving.abort();
  await answer;
  await controller.save();
  await clock.pass(20_000);
  restart();
  expect(controller.agent('node-a').state).toBe('online');
});

test('who falls silent is told of once, and not again by a controller that is started again', async () => {
  await beat();
  await clock.pass(9_999);
  await controller.tick();
  expect(logged).toEqual(['an agent is online']);
  await clock.pass(1);
  await controller.tick();
  await controller.tick();
  restart();
  await controller.tick();
  expect(logged).toEqual(['an agent is online', 'an agent is silent']);
});

test('a wall clock that is set makes nobody silent', async () => {
  await beat();
  clock.wallMs += 86_400_000;
  expect(controller.agent('node-a').state).toBe('online');
});

test('how nodes are is stored from time to time, all together: within a second when one says something new', async () => {
  let writes = 0;
  const {write} = store;
  store = {
    ...store,
    write: body => {
      writes++;
      return write(body);
    },
  };
  restart();
  await beat({agent_id: 'node-b'});
  await beat();
  expect(writes).toBe(0);
  await controller.tick();
  expect(writes).toBe(1);
  for (let second = 0; second < 9; second++) {
    await clock.pass(1_000);
    for (const agent_id of ['node-a', 'node-b']) {
      const parts = [{...part('p'), memory_bytes: second, uptime_ms: second, health: {second}}, part('q')];
      await beat({agent_id, parts});
    }
    await controller.tick();
  }
  expect(writes).toBe(1);
  expect(controller.agent('node-a')).toMatchObject({silent_ms: 0, parts: [{health: {second: 8}}, {}]});
  await clock.pass(1_000);
  await controller.tick();
  expect(writes).toBe(2);
  expect(store.read(txn => txn.agents())).toMatchObject([{parts: [{memory_bytes: 8}, {}]}, {id: 'node-b'}]);
  await beat({parts: [part('p')]});
  await controller.tick();
  expect(writes).toBe(3);
  expect(store.read(txn => txn.agent('node-a'))).toMatchObject({parts: [{name: 'payload-p'}]});
});

test('what a full disk did not take is stored when there is room again', async () => {
  const {write} = store;
  let isFull = true;
  store = {...store, write: body => (isFull ? Promise.reject(new Error('full')) : write(body))};
  restart();
  await beat();
  await expect(controller.tick()).rejects.toThrow('full');
  isFull = false;
  await controller.tick();
  restart();
  expect(controller.agents()).toMatchObject([{id: 'node-a', state: 'online'}]);
});

test('a heartbeat that was overtaken by one that said nothing new says nothing, after a restart neither', async () => {
  await beat();
  const late = sequence + 1;
  await beat({sequence: late + 1});
  await beat({sequence: late, parts: []});
  await controller.save();
  restart();
  await beat({sequence: late, parts: []});
  expect(controller.agent('node-a').parts).toHaveLength(2);
});
