import {expect, test} from 'vitest';
import type {Log} from '../log/log.ts';
import type {Clock} from '../time/clock.ts';
import {type Child, type Exit, supervise} from './supervisor.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};

/** A clock that jumps over every pause, and remembers it. */
function jumpingClock() {
  const pauses: number[] = [];
  let now = 0;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: async (ms, signal) => {
      if (signal?.aborted) return;
      pauses.push(ms);
      now += ms;
      await new Promise(resolve => setImmediate(resolve));
    },
  };
  return {clock, pauses, pass: (ms: number) => (now += ms)};
}

function childThat(exited: Promise<Exit>, more: Partial<Child> = {}): Child {
  return {pid: 1, exited, terminate() {}, kill() {}, ...more};
}

test('a part that ends, or cannot be started, is started again after pauses that grow and begin anew when it ran long', async () => {
  const {clock, pauses, pass} = jumpingClock();
  const stop = new AbortController();
  let starts = 0;
  const start = async () => {
    starts++;
    if (starts === 2) throw new Error('no memory');
    if (starts === 4) pass(100_000);
    if (starts === 6) stop.abort();
    return childThat(Promise.resolve({code: 1, signal: null}));
  };
  await supervise({name: 'p', start}, stop.signal, {clock, random: () => 1, log});
  expect({starts, pauses: pauses.slice(0, 5)}).toEqual({starts: 6, pauses: [500, 1_000, 2_000, 500, 1_000]});
});

test('told to stop, it asks the part to end, and kills one that does not', async () => {
  const {clock} = jumpingClock();
  const stop = new AbortController();
  const asked: string[] = [];
  const exit = Promise.withResolvers<Exit>();
  const child = childThat(exit.promise, {
    terminate: () => void asked.push('terminate'),
    kill: () => {
      asked.push('kill');
      exit.resolve({code: null, signal: 'SIGKILL'});
    },
  });
  const running = supervise({name: 'p', start: async () => child}, stop.signal, {clock, random: () => 0, log});
  await new Promise(resolve => setImmediate(resolve));
  stop.abort();
  await running;
  expect(asked).toEqual(['terminate', 'kill']);
});
