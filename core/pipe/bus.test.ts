import {expect, test} from 'vitest';
import {fromText} from '../entry/byte-string.ts';
import {kinds, zeroTime} from '../entry/entry.ts';
import type {Path} from '../entry/path.ts';
import type {FsEvent} from '../protocol/events.ts';
import type {SourceEvent} from '../source/source.ts';
import {Bus} from './bus.ts';
import {MemorySpool} from './memory-spool.ts';
import type {Loss} from './realtime-lane.ts';

const limits = {memoryEventsMax: 4, memoryBytesMax: 1e6, renamesMax: 8, scanBytesMax: 1_000};
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
const newBus = (bytesMax = 1e6, losses: Loss[] = []) =>
  new Bus(limits, {spool: new MemorySpool({bytesMax}), onEvent: () => {}, onLoss: loss => losses.push(loss)});

test('realtime overtakes scans', async () => {
  const bus = newBus();
  await bus.offer(scanned('/a'));
  bus.emit(upsert('/b'));
  expect(bus.take(all)).toEqual([upsert('/b'), scanned('/a')]);
  expect(bus.take(all)).toEqual([]);
});

test('upserts of one path are folded into the last, and a deletion takes out what was before it', () => {
  const bus = newBus();
  for (const size of [1, 2, 3]) bus.emit(upsert('/f', size));
  expect(bus.length).toBe(1);
  bus.emit(remove('/f'));
  for (const size of [4, 5]) bus.emit(upsert('/f', size));
  expect(bus.take(all)).toEqual([remove('/f'), upsert('/f', 5)]);
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

test('what has no room in memory waits in the spool, in its order', () => {
  const bus = newBus();
  const events = Array.from({length: 20}, (_, n) => remove(`/${n}`));
  for (const event of events) bus.emit(event);
  expect([bus.length, bus.spooled.events > 0]).toEqual([20, true]);
  expect([...bus.take({eventsMax: 3, bytesMax: 1e6}), ...bus.take(all)]).toEqual(events);
  expect(bus.length).toBe(0);
});

test('what the spool cannot take is thrown away, and one gap says so and where', () => {
  const losses: Loss[] = [];
  const bus = newBus(1_000, losses);
  for (let n = 0; n < 7; n++) bus.emit(remove(`/a/b/${n}`));
  expect(bus.take(all)).toMatchObject([
    {kind: 'phase', phase: 'gap', path: '/a/b'},
    {kind: 'delete', path: '/a/b/5'},
    {kind: 'delete', path: '/a/b/6'},
  ]);
  expect(losses).toMatchObject([{path: '/a/b', events: 5}]);
  for (let n = 0; n < 5; n++) bus.emit(remove(`/a/c/${n}`));
  for (let n = 0; n < 10; n++) bus.emit(remove(`/a/b/${n}`));
  expect(bus.take(all).filter(({kind}) => kind === 'phase')).toMatchObject([{phase: 'gap', path: '/a'}]);
});

test('a batch of listings keeps to its size', () => {
  const bus = newBus();
  const listing = (at: string): FsEvent => ({
    kind: 'listing',
    source: 'snapshot',
    path: path(at),
    self: {kind: kinds.directory, size: 0, mtime: zeroTime, ctime: zeroTime},
    evidence: 0,
    after: undefined,
    until: undefined,
    entries: new Uint8Array(1_000),
  });
  for (const at of ['/a', '/b', '/c']) bus.emit(listing(at));
  expect(bus.take({eventsMax: 10, bytesMax: 2_500})).toHaveLength(2);
  expect(bus.take({eventsMax: 10, bytesMax: 1})).toHaveLength(1);
});
