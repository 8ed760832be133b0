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
import {doubts} from './doubts.ts';
import {reviewSuspects} from './suspects.ts';
import {forgetTombstones, forgottenUntil} from './tombstones.ts';
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

  /**
   * `ageMs`: how long before the batch was sent the agent observed the realtime events. `delayMs`: how long the batch was on its
   * way, of which the agent knows nothing.
   */
  async tell(
    events: FsEvent[],
    {agent = 1, ageMs = 0, delayMs = 0}: {agent?: number; ageMs?: number; delayMs?: number} = {},
  ): Promise<number> {
    const now = Math.max(this.#lastHlc + 1, this.hlc);
    this.#lastHlc = now;
    const result = await this.store.write(txn =>
      arbitrate(
        {
          txn,
          settings,
          now,
          agent,
          isOnlyAgent:
            this.#observedUntil.size === 0 || (this.#observedUntil.size === 1 && this.#observedUntil.has(agent)),
          forgottenUntil: forgottenUntil(txn),
          heard: {hlc: shiftHlc(now, -delayMs), at: ageMs},
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

  doubts(): string[] {
    return this.store.read(txn => [...doubts(txn)]).sort();
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
const look = (at: string, more: Parameters<typeof attributes>[0] | undefined, evidence: Hlc): FsEvent => ({
  kind: 'sentinel',
  path: path(at),
  evidence,
  attributes: more && attributes(more),
});

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
  await view.pass(100 * second).tell([listing('/d', {f: {}}, view.hlc)], {agent: 2});
  expect(view.has('/d/f')).toBe(false);
});

test('a deleted file that is seen again after the cache window, or with a later ctime, is new', async () => {
  const ctime = () => view.nowMs / 1000;
  await view.tell([upsert('/d/f', {ctime: ctime()}), upsert('/d/g', {ctime: ctime()})]);
  await view.pass(second).tell([remove('/d/f'), remove('/d/g')]);
  await view.pass(10 * second).tell([listing('/d', {f: {}, g: {ctime: ctime() - 1}}, view.hlc)], {agent: 2});
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
  await view.pass(second).tell([listing('/', {}, view.hlc)], {agent: 2});
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
  await view.pass(second).tell([listing('/', {f: {size: 4, ctime: old}}, view.hlc)], {agent: 2});
  expect(view.find('/f')).toMatchObject({size: 5});
  await view.tell([listing('/', {f: {size: 6, ctime: old + 11}}, view.hlc)], {agent: 2});
  expect(view.find('/f')).toMatchObject({size: 6});
  await view.pass(200 * second).tell([listing('/', {f: {size: 7, ctime: old - 100}}, view.hlc)], {agent: 2});
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

test('an agent that lists what it told itself needs no window: what it lost an event of goes, and comes, at once', async () => {
  await view.tell([upsert('/f'), upsert('/d', directory), upsert('/d/g'), upsert('/h', {size: 5, ctime: old + 10})]);
  await view.pass(second).tell([remove('/back')]);
  await view.pass(second).tell([listing('/', {back: {}, h: {size: 4, ctime: old}}, view.hlc)]);
  expect([view.has('/f'), view.has('/d'), view.has('/back')]).toEqual([false, false, true]);
  expect(view.find('/h')).toMatchObject({size: 4});
});

test('with several agents a directory stays inside the window, because somebody else may have seen what is below', async () => {
  await view.tell([upsert('/x')], {agent: 2});
  await view.tell([upsert('/d', directory), upsert('/d/g')]);
  await view.pass(second).tell([listing('/', {}, view.hlc)]);
  expect([view.has('/d'), view.has('/x')]).toEqual([true, true]);
});

test('a deletion whose batch was long on its way does not delete what was made meanwhile; the leader looks', async () => {
  await view.tell([upsert('/f', {ctime: view.nowMs / 1000})]);
  await view.pass(second).tell([upsert('/f', {ctime: view.nowMs / 1000})]);
  // Seen 3 s ago, before the file was made again; by arrival and age it seems to be from just now.
  expect(await view.pass(second).tell([remove('/f')], {agent: 2, delayMs: 3 * second})).toBe(0);
  expect([view.has('/f'), view.doubts()]).toEqual([true, ['/f']]);
});

test('a creation whose batch was long on its way does not bring back what was deleted meanwhile; the leader looks', async () => {
  await view.tell([upsert('/f', {ctime: view.nowMs / 1000})]);
  await view.pass(second).tell([remove('/f')]);
  await view.pass(second).tell([upsert('/f', {ctime: view.nowMs / 1000 - 2})], {agent: 2, delayMs: 3 * second});
  expect([view.has('/f'), view.doubts()]).toEqual([false, ['/f']]);
  await view.pass(second).tell([look('/f', undefined, view.hlc)]);
  expect([view.has('/f'), view.doubts()]).toEqual([false, ['/f']]);
  await view.pass(200 * second).tell([look('/f', {}, view.hlc)]);
  expect([view.has('/f'), view.doubts()]).toEqual([true, []]);
});

test('a rename whose batch was long on its way leaves both names as they are; the leader looks', async () => {
  await view.tell([upsert('/a'), upsert('/b')]);
  await view.pass(second).tell([move('/a', '/b')], {agent: 2, delayMs: 5 * second});
  expect([view.has('/a'), view.has('/b'), view.doubts()]).toEqual([true, true, ['/a', '/b']]);
});

test('a look that does not find what another agent saw lately may come from a cache of names', async () => {
  await view.tell([upsert('/f', {}, false)]);
  await view.pass(second).tell([look('/f', undefined, view.hlc)], {agent: 2});
  expect(view.has('/f')).toBe(true);
  await view.pass(200 * second).tell([look('/f', undefined, view.hlc)], {agent: 2});
  expect(view.has('/f')).toBe(false);
});

test('a look counts by its attributes, also when their ctime went back', async () => {
  await view.tell([upsert('/f', {size: 5, ctime: old + 10}, false)]);
  await view.pass(second).tell([look('/f', {size: 6, ctime: old}, view.hlc)], {agent: 2});
  expect(view.find('/f')).toMatchObject({size: 6, isSuspect: true});
});

test('an event or a listing from before the oldest remembered deletion brings nothing back, nor its directories', async () => {
  const evidence = view.hlc;
  await view.tell([upsert('/d', directory), upsert('/d/f')]);
  await view.pass(second).tell([remove('/d')]);
  view.pass(2 * 3600 * second);
  await view.store.write(txn => void forgetTombstones(txn, {until: view.hlc, after: undefined, limit: 10}));
  const late = {agent: 2, ageMs: 7300 * second};
  await view.tell([upsert('/d/f'), remove('/d/g'), move('/d/f', '/d/h'), listing('/d', {f: {}}, evidence)], late);
  expect(view.has('/d')).toBe(false);
  await view.tell([upsert('/d/f')], {agent: 2});
  expect(view.has('/d/f')).toBe(true);
});

test('that something was found gone is a blind spot until a later look does not find it either', async () => {
  const blindSpots = () => view.store.read(txn => [...txn.blindSpots()].map(({name, change}) => `${name} ${change}`));
  await view.tell([listing('/', {f: {}, g: {}}, view.hlc, 'snapshot')]);
  await view.pass(200 * second).tell([listing('/', {}, view.hlc)]);
  expect(blindSpots()).toEqual(['f deleted', 'g deleted']);
  await view.tell([upsert('/g')]);
  await view.pass(200 * second).tell([listing('/', {g: {}}, view.hlc)]);
  expect(blindSpots()).toEqual([]);
});

test('too many doubts become one about everything', async () => {
  await view.tell(Array.from({length: 10_001}, (_, i) => upsert(`/f${i}`, {size: 1})));
  const removals = Array.from({length: 10_001}, (_, i) => remove(`/f${i}`));
  await view.pass(second).tell(removals, {agent: 2, delayMs: 5 * second});
  expect(view.doubts()).toHaveLength(10_001);
  expect(view.doubts()).toContain('/');
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
  const forget = (until: Hlc) =>
    view.store.write(txn => void forgetTombstones(txn, {until, after: undefined, limit: 10}));
  const remembered = () => view.store.read(txn => [...txn.tombstones()].length);
  await forget(shiftHlc(view.hlc, -1));
  expect(remembered()).toBe(1);
  await forget(shiftHlc(view.hlc, 1));
  expect(remembered()).toBe(0);
});

test('the root is never deleted or moved', async () => {
  await view.tell([upsert('/f'), remove('/'), move('/', '/x'), move('/f', '/')]);
  expect([view.has('/'), view.has('/f')]).toEqual([true, true]);
});
