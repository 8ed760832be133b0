import {expect, test} from 'vitest';
import {ManualClock, settled} from '../../../test/lib/manual-clock.ts';
import {SyncPoints} from './sync-points.ts';

const never = new AbortController().signal;

function open() {
  const clock = new ManualClock();
  let ids = 0;
  const state = {leader: {id: 's1', agent: 'a'} as {id: string; agent: string} | undefined, seq: 5, doubts: 0};
  const points = new SyncPoints({
    clock,
    randomId: () => `p${++ids}`,
    leader: () => state.leader,
    view: () => state,
  });
  return {clock, state, points, made: () => ids};
}

test('however many want one share it until the pipe is told, and all who come then share the next', async () => {
  const {points, state, made} = open();
  const asking = points.ask('s1', {wait_ms: 1_000}, never);
  await settled();
  const first = Array.from({length: 500}, () => points.reach(2_000, never));
  expect(await asking).toBe('p1');
  const second = Array.from({length: 500}, () => points.reach(2_000, never));
  const asked = points.ask('s1', {told: {id: 'p1'}, wait_ms: 1_000}, never);
  expect(new Set((await Promise.all(first)).map(result => JSON.stringify(result)))).toEqual(new Set(['{"seq":5}']));
  expect(await asked).toBe('p2');
  state.seq = 9;
  void points.ask('s1', {told: {id: 'p2'}}, never);
  expect(await second.at(-1)).toEqual({seq: 9});
  expect(made()).toBe(2);
});

test('one who comes after the pipe was told of a point is not answered with it', async () => {
  const {points, clock} = open();
  const early = points.reach(2_000, never);
  expect(await points.ask('s1', {}, never)).toBe('p1');
  const late = points.reach(2_000, never);
  expect(await points.ask('s1', {told: {id: 'p1'}}, never)).toBe('p2');
  expect(await early).toEqual({seq: 5});
  await clock.pass(2_000);
  expect(await late).toMatchObject({reason: 'timed_out', message: expect.stringContaining('"a"')});
});

test('a point whose answer was lost, or whose leader went, is asked for again; what is told of others counts nothing', async () => {
  const {points, state} = open();
  const wanted = points.reach(2_000, never);
  expect(await points.ask('s1', {}, never)).toBe('p1');
  expect(await points.ask('s1', {}, never)).toBe('p1');
  state.leader = {id: 's2', agent: 'b'};
  expect(await points.ask('s1', {told: {id: 'p1'}}, never)).toBe(null);
  expect(await points.ask('s2', {told: {id: 'p0'}}, never)).toBe('p1');
  const unreached = {reason: 'gap', message: 'lost'} as const;
  expect(await points.ask('s2', {told: {id: 'p1', unreached}}, never)).toBe(null);
  expect(await wanted).toEqual(unreached);
});

test('nobody waits for a leader that is not there, or for a pipe of a version without sync points', async () => {
  const {points, state, clock} = open();
  points.heard('s1');
  const first = points.reach(500, never);
  await clock.pass(500);
  expect(await first).toMatchObject({reason: 'not_supported'});
  await clock.pass(10_000);
  expect(await points.reach(60_000, never)).toMatchObject({reason: 'not_supported'});
  state.leader = undefined;
  expect(await points.reach(60_000, never)).toMatchObject({reason: 'no_leader'});
});

test('what the leader told is not in the answer while the view doubts it', async () => {
  const {points, state} = open();
  const wanted = points.reach(2_000, never);
  expect(await points.ask('s1', {}, never)).toBe('p1');
  state.doubts = 2;
  void points.ask('s1', {told: {id: 'p1'}}, never);
  expect(await wanted).toMatchObject({reason: 'in_doubt', message: expect.stringContaining('2 paths')});
});
