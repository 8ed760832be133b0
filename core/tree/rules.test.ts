import {beforeEach, expect, test} from 'vitest';
import {openMemoryTree} from '../../test/lib/memory-tree.ts';
import {fromText} from '../entry/byte-string.ts';
import {type Attributes, type Entry, type Kind, kinds, newEntryFrom} from '../entry/entry.ts';
import {packRun} from '../entry/packed.ts';
import type {Path} from '../entry/path.ts';
import type {FsEvent, ScanSource} from '../protocol/events.ts';
import {resolve} from '../query/resolve.ts';
import {type Hlc, hlcAt, shiftHlc} from '../time/hlc.ts';
import {emptyStorageClock, type StorageClock} from '../time/storage-clock.ts';
import {arbitrate} from './arbitrate.ts';
import {reviewSuspects} from './suspects.ts';
import {forgetTombstones} from './tombstones.ts';
import type {TreeStore} from './tree-store.ts';

const second = 1_000;
const settings = {hotFileThresholdMs: 30 * second, cacheWindowMs: 120 * second, tombstoneRetentionMs: 3600 * second};
const start = Date.UTC(2026, 0, 1);
const old = start / 1000 - 86_400;

/** A view whose clock is moved by hand, and two agents that tell it things. */
class View {
  readonly store: TreeStore = openMemoryTree();
  nowMs = start;
  #storageClock: StorageClock = emptyStorageClock;
  #observedUntil = new Map<number, Hlc>();
  #lastHlc = 0;

  get hlc(): Hlc {
    return hlcAt(this.nowMs);
  }

  pass(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  /** `ageMs`: how long ago the agent observed the realtime events. */
  async tell(events: FsEvent[], {agent = 1, ageMs = 0}: {agent?: number; ageMs?: number} = {}): Promise<number> {
    const now = Math.max(this.#lastHlc + 1, this.hlc);
    this.#lastHlc = now;
    const result = await this.store.write(txn =>
      arbitrate(
        {
          txn,
          settings,
          now,
          arrivedAtMs: this.nowMs,
          agent,
          storageClock: this.#storageClock,
          sentAt: ageMs,
          observedUntil: this.#observedUntil.get(agent) ?? 0,
        },
        events,
      ),
    );
    this.#storageClock = result.storageClock;
    this.#observedUntil.set(agent, result.observedUntil);
    return result.counted;
  }

  find(path: string): Entry | undefined {
    return this.store.read(txn => resolve(txn, fromText(path) as Path).entry);
  }

  has(path: string): boolean {
    return this.find(path) !== undefined;
  }
}

let view: View;
beforeEach(() => {
  view = new View();
});

const path = (text: string) => fromText(text) as Path;
function attributes({
  kind = kinds.file,
  size = 1,
  ctime = old,
}: {
  kind?: Kind;
  size?: number;
  ctime?: number;
} = {}): Attributes {
  const time = {seconds: Math.floor(ctime), nanos: 0};
  return {kind, size, mtime: time, ctime: time};
}
const upsert = (at: string, more: Parameters<typeof attributes>[0] = {}, isAtomic = true): FsEvent => ({
  kind: 'upsert',
  path: path(at),
  attributes: attributes(more),
  isAtomic,
  observedAt: 0,
});
const remove = (at: string): FsEvent => ({kind: 'delete', path: path(at), observedAt: 0});
const move = (from: string, to: string): FsEvent => ({kind: 'move', from: path(from), to: path(to), observedAt: 0});
const directory = {kind: kinds.directory};

function listing(
  at: string,
  names: Record<string, Parameters<typeof attributes>[0]>,
  evidence: Hlc,
  source: ScanSource = 'audit',
): FsEvent {
  const entries = Object.entries(names)
    .map(([name, more]) => newEntryFrom(fromText(name), attributes(more)))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    kind: 'listing',
    source,
    path: path(at),
    self: attributes(directory),
    evidence,
    after: undefined,
    until: undefined,
    entries: packRun(entries),
  };
}

test('a late scan cannot revive a deleted file', async () => {
  const evidence = view.hlc;
  await view.tell([upsert('/d/f')]);
  await view.pass(second).tell([remove('/d/f')]);
  await view.pass(second).tell([listing('/d', {f: {}}, evidence)]);
  expect(view.has('/d/f')).toBe(false);
  await view.pass(100 * second).tell([listing('/d', {f: {}}, view.hlc)]);
  expect(view.has('/d/f')).toBe(false);
});

test('a deleted file that is seen again after the cache window, or with a later ctime, is new', async () => {
  const ctime = () => view.nowMs / 1000;
  await view.tell([upsert('/d/f', {ctime: ctime()}), upsert('/d/g', {ctime: ctime()})]);
  await view.pass(second).tell([remove('/d/f'), remove('/d/g')]);
  await view.pass(10 * second).tell([listing('/d', {f: {}, g: {ctime: ctime() - 1}}, view.hlc)]);
  expect([view.has('/d/f'), view.has('/d/g')]).toEqual([false, true]);
  await view.pass(200 * second).tell([listing('/d', {f: {}, g: {}}, view.hlc)]);
  expect(view.has('/d/f')).toBe(true);
});

test('a listing that does not mention a file deletes it only when it looked late enough', async () => {
  await view.tell([listing('/', {f: {}, g: {}}, view.hlc, 'snapshot')]);
  const evidence = view.pass(second).hlc;
  await view.pass(second).tell([upsert('/f')]);
  await view.pass(second).tell([listing('/', {}, evidence)]);
  expect([view.has('/f'), view.has('/g')]).toEqual([true, false]);
  await view.pass(200 * second).tell([listing('/', {}, view.hlc)]);
  expect(view.has('/f')).toBe(false);
});

test('a directory is not deleted by a listing while anything below it was seen by a watcher lately', async () => {
  await view.tell([
    listing('/', {d: directory}, view.hlc, 'snapshot'),
    listing('/d', {e: directory}, view.hlc, 'snapshot'),
  ]);
  await view.pass(200 * second).tell([upsert('/d/e/f')]);
  await view.pass(second).tell([listing('/', {}, view.hlc)]);
  expect(view.has('/d/e/f')).toBe(true);
});

test('unchanged and unreadable delete nothing, and unreadable is told', async () => {
  await view.tell([listing('/', {d: directory}, view.hlc, 'snapshot'), listing('/d', {f: {}}, view.hlc, 'snapshot')]);
  await view.pass(200 * second).tell([
    {kind: 'unchanged', source: 'audit', path: path('/d'), evidence: view.hlc},
    {kind: 'unreadable', source: 'audit', path: path('/d'), evidence: view.hlc, error: 'EIO'},
  ]);
  expect(view.has('/d/f')).toBe(true);
  expect(view.store.read(txn => resolve(txn, path('/')).isComplete)).toBe(false);
});

test('inside the window of doubt only a later ctime changes a file; outside what was seen counts', async () => {
  await view.tell([upsert('/f', {size: 5, ctime: old + 10})]);
  await view.pass(second).tell([listing('/', {f: {size: 4, ctime: old}}, view.hlc)]);
  expect(view.find('/f')).toMatchObject({size: 5});
  await view.tell([listing('/', {f: {size: 6, ctime: old + 11}}, view.hlc)]);
  expect(view.find('/f')).toMatchObject({size: 6});
  await view.pass(200 * second).tell([listing('/', {f: {size: 7, ctime: old - 100}}, view.hlc)]);
  expect(view.find('/f')).toMatchObject({size: 7});
});

test('what an audit finds is a blind spot, until a watcher sees it or a later look confirms it', async () => {
  await view.tell([listing('/', {}, view.hlc, 'snapshot')]);
  await view.pass(200 * second).tell([listing('/', {f: {}, g: {}}, view.hlc)]);
  expect([view.find('/f'), view.find('/g')]).toMatchObject([{isBlindSpot: true}, {isBlindSpot: true}]);
  await view.tell([upsert('/f')]);
  expect([view.find('/f'), view.find('/g')]).toMatchObject([{isBlindSpot: false}, {isBlindSpot: true}]);
  await view.pass(200 * second).tell([listing('/', {f: {}, g: {}}, view.hlc)]);
  expect(view.find('/g')).toMatchObject({isBlindSpot: false});
});

test('a first snapshot makes no blind spots', async () => {
  await view.tell([listing('/', {f: {}}, view.hlc, 'snapshot')]);
  expect(view.find('/f')).toMatchObject({isBlindSpot: false});
});

test('a rename takes the whole subtree along, and a scan from before it changes nothing', async () => {
  const evidence = view.hlc;
  await view.tell([listing('/', {a: directory}, evidence, 'snapshot'), listing('/a', {f: {}}, evidence, 'snapshot')]);
  await view.pass(second).tell([move('/a', '/b')]);
  expect([view.has('/a'), view.has('/b/f')]).toEqual([false, true]);
  await view.pass(second).tell([listing('/', {a: directory}, evidence), listing('/a', {f: {}}, evidence)]);
  expect([view.has('/a'), view.has('/a/f'), view.has('/b/f')]).toEqual([false, false, true]);
});

test('a rename of what no scan has told yet keeps the old name from coming back', async () => {
  const evidence = view.hlc;
  await view.tell([move('/a', '/b'), upsert('/b')]);
  await view.pass(second).tell([listing('/', {a: {}}, evidence, 'snapshot')]);
  expect([view.has('/a'), view.has('/b')]).toEqual([false, true]);
});

test('a deletion of what no scan has told yet is remembered, also below directories that are not known', async () => {
  const evidence = view.hlc;
  await view.tell([remove('/d/e/f')]);
  await view.pass(second).tell([listing('/d/e', {f: {}, g: {}}, evidence, 'snapshot')]);
  expect([view.has('/d/e/f'), view.has('/d/e/g')]).toEqual([false, true]);
});

test('a listing of a directory that was deleted and made again brings nothing of the old one back', async () => {
  const evidence = view.hlc;
  await view.tell([upsert('/d', directory), upsert('/d/f')]);
  await view.pass(second).tell([remove('/d'), upsert('/d', directory)]);
  await view.tell([listing('/d', {f: {}}, evidence)], {agent: 2});
  expect([view.has('/d'), view.has('/d/f')]).toEqual([true, false]);
});

test('the agent that saw the new directory being made may list it at once', async () => {
  await view.tell([upsert('/d', directory)]);
  await view.pass(second).tell([remove('/d'), upsert('/d', directory), listing('/d', {g: {}}, view.hlc, 'snapshot')]);
  expect(view.has('/d/g')).toBe(true);
  expect(view.store.read(txn => resolve(txn, path('/d')).isComplete)).toBe(true);
});

test('an event of another agent that was observed earlier does not count, and a later ctime makes it count', async () => {
  await view.tell([upsert('/f', {size: 2, ctime: old + 5})]);
  await view.pass(second).tell([upsert('/f', {size: 1})], {agent: 2, ageMs: 60 * second});
  await view.tell([remove('/f')], {agent: 2, ageMs: 60 * second});
  expect(view.find('/f')).toMatchObject({size: 2});
  await view.tell([upsert('/f', {size: 3, ctime: old + 6})], {agent: 2, ageMs: 60 * second});
  expect(view.find('/f')).toMatchObject({size: 3});
});

test('events of one agent count in their order, however their batches were delayed', async () => {
  await view.tell([upsert('/f')]);
  await view.tell([remove('/f')], {ageMs: 5 * second});
  expect(view.has('/f')).toBe(false);
});

test('an upsert that another agent observed before a deletion does not bring the file back', async () => {
  await view.tell([upsert('/f')]);
  await view.pass(10 * second).tell([remove('/f')]);
  await view.tell([upsert('/f')], {agent: 2, ageMs: 5 * second});
  expect(view.has('/f')).toBe(false);
});

test('a file that is being written is suspect until it is closed', async () => {
  await view.tell([upsert('/f', {}, false)]);
  expect(view.find('/f')).toMatchObject({isSuspect: true});
  await view.tell([upsert('/f', {size: 2})]);
  expect(view.find('/f')).toMatchObject({isSuspect: false});
});

test('a suspect is cleared when its threshold passed without a change, and renewed when it changed', async () => {
  await view.tell([upsert('/f', {}, false), upsert('/g', {}, false)]);
  await view.pass(20 * second).tell([upsert('/g', {size: 9}, false)]);
  const review = () =>
    view.store.write(txn => reviewSuspects(txn, {now: view.hlc, thresholdMs: settings.hotFileThresholdMs, limit: 10}));
  expect(await review()).toBe(0);
  view.pass(11 * second);
  expect(await review()).toBe(2);
  expect([view.find('/f'), view.find('/g')]).toMatchObject([{isSuspect: false}, {isSuspect: true}]);
  view.pass(31 * second);
  await review();
  expect(view.find('/g')).toMatchObject({isSuspect: false});
});

test('a scan finds young files suspect by the clock of the storage, not by that of fusion', async () => {
  const behind = 7200; // the storage's clock, in seconds
  const storageNow = () => view.nowMs / 1000 - behind;
  await view.tell([upsert('/seen', {ctime: storageNow()})]);
  await view.tell([
    listing('/d', {young: {ctime: storageNow() - 5}, aged: {ctime: storageNow() - 60}}, view.hlc, 'snapshot'),
  ]);
  expect([view.find('/d/young'), view.find('/d/aged')]).toMatchObject([{isSuspect: true}, {isSuspect: false}]);
});

test('a thousand forged times in one batch do not move the clock of the storage', async () => {
  for (let i = 0; i < 5; i++) await view.pass(second).tell([upsert(`/f${i}`, {ctime: view.nowMs / 1000})]);
  await view.tell(Array.from({length: 1000}, (_, i) => upsert(`/forged${i}`, {ctime: view.nowMs / 1000 + 10 ** 9})));
  await view.tell([listing('/d', {aged: {ctime: view.nowMs / 1000 - 60}}, view.hlc, 'snapshot')]);
  expect(view.find('/d/aged')).toMatchObject({isSuspect: false});
});

test('tombstones are forgotten after their time, not before', async () => {
  await view.tell([upsert('/f'), remove('/f')]);
  expect(await view.store.write(txn => forgetTombstones(txn, shiftHlc(view.hlc, -1)))).toBe(0);
  expect(await view.store.write(txn => forgetTombstones(txn, shiftHlc(view.hlc, 1)))).toBe(1);
});

test('the root is never deleted or moved', async () => {
  await view.tell([upsert('/f'), remove('/'), move('/', '/x'), move('/f', '/')]);
  expect([view.has('/'), view.has('/f')]).toEqual([true, true]);
});
