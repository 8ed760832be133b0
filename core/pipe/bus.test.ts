import {expect, test} from 'vitest';
import {fromText} from '../entry/byte-string.ts';
import {kinds, zeroTime} from '../entry/entry.ts';
import type {Path} from '../entry/path.ts';
import type {FsEvent} from '../protocol/events.ts';
import type {SourceEvent} from '../source/source.ts';
import {Bus} from './bus.ts';

const limits = {realtimeEventsMax: 4, scanBytesMax: 1_000};
const all = {eventsMax: 100, bytesMax: 1_000_000};
const path = (text: string) => fromText(text) as Path;
const upsert = (at: string, size = 1): FsEvent => ({
  kind: 'upsert',
  path: path(at),
  attributes: {kind: kinds.file, size, mtime: zeroTime, ctime: zeroTime},
  isAtomic: true,
  observedAt: 0,
});
const remove = (at: string): FsEvent => ({kind: 'delete', path: path(at), observedAt: 0});
const scanned = (at: string): FsEvent => ({kind: 'unchanged', source: 'audit', path: path(at), evidence: 0});
const newBus = () => new Bus(limits, () => {});

test('realtime overtakes scans', async () => {
  const bus = newBus();
  await bus.offer(scanned('/a'));
  bus.emit(upsert('/b'));
  expect(bus.take(all)).toEqual([upsert('/b'), scanned('/a')]);
  expect(bus.take(all)).toEqual([]);
});

test('upserts of one path are folded into one, but not across a deletion', () => {
  const bus = newBus();
  for (const size of [1, 2, 3]) bus.emit(upsert('/f', size));
  bus.emit(remove('/f'));
  bus.emit(upsert('/f', 4));
  expect(bus.take(all)).toEqual([upsert('/f', 3), remove('/f'), upsert('/f', 4)]);
});

test('what is left behind by a full batch is folded on', () => {
  const bus = newBus();
  bus.emit(upsert('/a'));
  bus.emit(upsert('/b', 1));
  expect(bus.take({eventsMax: 1, bytesMax: 1_000})).toEqual([upsert('/a')]);
  bus.emit(upsert('/b', 2));
  expect(bus.take(all)).toEqual([upsert('/b', 2)]);
});

test('a scan event takes its path when it leaves, and is left out when its directory has gone', async () => {
  const bus = newBus();
  let now: FsEvent | undefined = scanned('/old');
  const deferred: SourceEvent = {kind: 'deferred', byteLength: 1, resolve: () => now};
  await bus.offer(deferred);
  now = scanned('/new');
  expect(bus.take(all)).toEqual([scanned('/new')]);
  await bus.offer(deferred);
  now = undefined;
  expect(bus.take(all)).toEqual([]);
});

test('scan events wait while realtime events are left', async () => {
  const bus = newBus();
  await bus.offer(scanned('/a'));
  bus.emit(remove('/b'));
  bus.emit(remove('/c'));
  expect(bus.take({eventsMax: 1, bytesMax: 1_000})).toEqual([remove('/b')]);
  expect(bus.take({eventsMax: 2, bytesMax: 1_000})).toEqual([remove('/c'), scanned('/a')]);
});

test('a full scan lane makes the scan wait until there is room', async () => {
  const bus = newBus();
  let isTaken = false;
  const offered = bus.offer({kind: 'deferred', byteLength: 2_000, resolve: () => scanned('/a')}).then(() => {
    isTaken = true;
  });
  await Promise.resolve();
  expect(isTaken).toBe(false);
  bus.take(all);
  await offered;
  expect(isTaken).toBe(true);
});

test('a full realtime lane is emptied, and says so with a gap', () => {
  const bus = newBus();
  const taken = ['/a', '/b', '/c', '/d', '/e'].map(at => bus.emit(remove(at)));
  expect(taken).toEqual([true, true, true, true, false]);
  expect(bus.take(all)).toMatchObject([{kind: 'phase', phase: 'gap', path: '/'}]);
});
