import {expect, test} from 'vitest';
import {settled} from '../../test/lib/manual-clock.ts';
import {path, sourceOf} from '../../test/lib/pipe-parts.ts';
import type {FsEvent} from '../protocol/events.ts';
import type {Unreached} from '../protocol/sync-point.ts';
import {Bus} from './bus.ts';
import {DueRescans} from './due-rescans.ts';
import {MemorySpool} from './memory-spool.ts';
import {Outbox} from './outbox.ts';
import {Signal} from './signal.ts';
import {reachSyncPoint, type SyncPointParts} from './sync-points.ts';

const limits = {memoryEventsMax: 100, memoryBytesMax: 1e6, renamesMax: 8, scanBytesMax: 1e6};
const change = (name: string): FsEvent => ({kind: 'delete', path: path(name), observedAt: 0});
const found = (name: string): FsEvent => ({kind: 'unchanged', source: 'audit', path: path(name), evidence: 0});

function open() {
  const wake = new Signal();
  const bus = new Bus(limits, {spool: new MemorySpool(), onEvent: () => wake.raise(), onLoss: () => {}});
  const state = {
    session: 's',
    hasToldAll: true,
    isLeader: true,
    settles: 0,
    unsettled: undefined as Unreached | undefined,
  };
  const source = {
    ...sourceOf(1),
    settle: async () => {
      state.settles++;
      bus.emit(change('/settled'));
      return state.unsettled;
    },
  };
  const outbox = new Outbox();
  const rescans = new DueRescans();
  const leading = () => (state.isLeader ? {session: state.session, hasToldAll: state.hasToldAll} : undefined);
  const parts: SyncPointParts = {source, bus, outbox, rescans, wake, leading};
  const reach = () => {
    const one = {result: 'pending' as 'pending' | Unreached | undefined};
    void reachSyncPoint(parts, new AbortController().signal).then(result => {
      one.result = result;
    });
    return one;
  };
  /** As the pipe sends: the names in the batch. */
  const send = (eventsMax = 10) => {
    const events = bus.take({eventsMax, bytesMax: 1e6});
    if (events.length > 0) outbox.add(events, () => new Uint8Array());
    return events.map(event => ('path' in event ? event.path : event.kind));
  };
  const confirm = (number: number) => {
    outbox.confirm(number);
    wake.raise();
  };
  return {state, bus, rescans, wake, reach, send, confirm};
}

test('it is reached when all that was on its way is stored: what the source had to tell, the spool, scans, batches', async () => {
  const {bus, reach, send, confirm} = open();
  bus.emit(change('/before'));
  void bus.offer(found('/scanned'));
  expect(send(1)).toEqual(['/before']);
  const one = reach();
  await settled();
  void bus.offer(found('/scanned-later'));
  expect(send(1)).toEqual(['/settled']);
  expect(send(1)).toEqual(['/scanned']);
  expect(send()).toEqual(['/scanned-later']);
  for (const number of [3, 2]) {
    confirm(number);
    await settled();
    expect(one.result).toBe('pending');
  }
  confirm(1);
  confirm(4);
  await settled();
  expect(one.result).toBe(undefined);
});

test('what follows it holds nothing up', async () => {
  const {bus, reach, send, confirm} = open();
  const one = reach();
  await settled();
  expect(send()).toEqual(['/settled']);
  bus.emit(change('/later'));
  expect(send()).toEqual(['/later']);
  confirm(1);
  await settled();
  expect(one.result).toBe(undefined);
});

test('it says why it cannot be reached', async () => {
  const {state, rescans, wake, reach, send, confirm} = open();
  state.hasToldAll = false;
  const unread = reach();
  await settled();
  expect({...unread, settles: state.settles}).toMatchObject({result: {reason: 'not_read_yet'}, settles: 0});
  state.hasToldAll = true;

  state.unsettled = {reason: 'not_all_watched', message: '3'};
  const unwatched = reach();
  await settled();
  expect(unwatched.result).toBe(state.unsettled);
  state.unsettled = undefined;

  const lost = reach();
  await settled();
  send();
  rescans.add(path('/a')); // a batch was rejected
  confirm(1);
  await settled();
  expect(lost.result).toMatchObject({reason: 'gap'});
  const during = reach();
  await settled();
  expect(during.result).toMatchObject({reason: 'gap'});
  rescans.begin('all');
  rescans.ended(true);

  const dropped = reach();
  await settled();
  state.session = 's2';
  wake.raise();
  await settled();
  expect(dropped.result).toMatchObject({reason: 'leader_changed'});
});
