import {beforeEach, expect, test} from 'vitest';
import {
  attributes,
  directory,
  listing,
  look,
  move,
  old,
  path,
  remove,
  second,
  settings,
  upsert,
  View,
  without,
} from '../../test/lib/view.ts';
import {kinds} from '../entry/entry.ts';
import type {FsEvent} from '../protocol/events.ts';
import {resolve} from '../query/resolve.ts';
import {type Hlc, shiftHlc} from '../time/hlc.ts';
import {reviewSuspects} from './suspects.ts';
import {forgetTombstones} from './tombstones.ts';

let view: View;
beforeEach(() => {
  view = new View();
});

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

test('an observation that claims to be from the future is from now', async () => {
  const event = {...upsert('/f'), observedAt: 1e9} as FsEvent;
  await view.tell([event]);
  expect(view.find('/f')!.realtimeAt).toBeLessThanOrEqual(view.hlc + 1);
});

test('a deletion below what is gone, or is no directory, brings no parent back', async () => {
  await view.tell([upsert('/d', directory), remove('/d'), remove('/d/e/f'), upsert('/g'), remove('/g/f')]);
  expect(view.has('/d')).toBe(false);
  expect(view.find('/g')).toMatchObject({kind: kinds.file});
});

test('what another agent saw later stays: against a rename away, against something below it, against a directory that went', async () => {
  await view.tell([upsert('/a'), upsert('/f'), upsert('/d', directory)]);
  const seen = view.pass(10 * second);
  await seen.tell([upsert('/a', {ctime: old + 1}), upsert('/f', {ctime: old + 1}), upsert('/d/x')]);
  const late = {agent: 2, ageMs: 5 * second};
  await view.tell([move('/a', '/c'), upsert('/f/y'), remove('/d')], late);
  expect([view.has('/a'), view.has('/c'), view.has('/d/x'), view.has('/f/y')]).toEqual([true, false, true, false]);
  expect(view.find('/f')).toMatchObject({kind: kinds.file});
  expect(view.doubts()).toEqual(['/a', '/c', '/d', '/f/y']);
});

test('what one agent saw in a directory after it saw it go stays, because it is another directory', async () => {
  await view.tell([upsert('/x')], {agent: 2});
  await view.tell([upsert('/d', directory)]);
  await view.pass(10 * second).tell([upsert('/d/f')], {agent: 2});
  await view.tell([remove('/d')], {ageMs: 5 * second});
  expect(view.has('/d/f')).toBe(true);
});

test("another agent's entry that changed after its removal by the storage's own clock stays, and one that nearly did is looked at", async () => {
  await view.tell([upsert('/clock', {ctime: view.nowMs / 1000})]);
  await view.tell([upsert('/later', {ctime: view.nowMs / 1000 + 60}), upsert('/young', {ctime: view.nowMs / 1000})]);
  await view.pass(second).tell([remove('/later'), remove('/young')], {agent: 2});
  expect([view.has('/later'), view.has('/young'), view.doubts()]).toEqual([true, false, ['/later', '/young']]);
});

test('a deletion of what a listing has seen since is in doubt', async () => {
  await view.tell([upsert('/clock', {ctime: view.nowMs / 1000})]);
  await view.pass(10 * second).tell([listing('/', {f: {}, clock: {ctime: view.nowMs / 1000 - 10}}, view.hlc)]);
  await view.pass(second).tell([remove('/f')], {agent: 2, ageMs: 5 * second});
  expect([view.has('/f'), view.doubts()]).toEqual([true, ['/f']]);
});

test('an older observation of another agent is in doubt only when it says something else of a file', async () => {
  await view.tell([upsert('/same', {ctime: old + 5}), upsert('/other', {ctime: old + 5}), upsert('/d', directory)]);
  const late = {agent: 2, ageMs: 60 * second};
  const older = [upsert('/same', {ctime: old + 5}), upsert('/other'), upsert('/d', {...directory, ctime: old - 5})];
  await view.pass(second).tell(older, late);
  expect(view.doubts()).toEqual(['/other']);
});

test("a directory's own attributes follow a listing inside the window only with a later ctime", async () => {
  const self = () => view.find('/d')!.ctime.seconds;
  const listed = (ctime: number) =>
    ({...listing('/d', {}, view.hlc), self: attributes({...directory, ctime})}) as FsEvent;
  await view.tell([upsert('/d', {...directory, ctime: old + 10})]);
  await view.pass(second).tell([listed(old)], {agent: 2});
  expect(self()).toBe(old + 10);
  await view.tell([listed(old + 20)], {agent: 2});
  expect(self()).toBe(old + 20);
});

test('a name whose attributes could not be read keeps what was known', async () => {
  await view.tell([listing('/', {f: {size: 7}}, view.hlc, 'snapshot')]);
  await view.pass(200 * second).tell([without('/', 'f', view.hlc)]);
  expect(view.find('/f')).toMatchObject({size: 7, hasAttributes: true, isBlindSpot: false});
});

test('an audit that finds another kind of thing under a name finds a blind spot; new times of a directory are none', async () => {
  await view.tell([listing('/', {f: {}, d: directory}, view.hlc, 'snapshot')]);
  await view.pass(200 * second).tell([listing('/', {f: directory, d: {...directory, ctime: old + 5}}, view.hlc)]);
  expect([view.find('/f'), view.find('/d')]).toMatchObject([{isBlindSpot: true}, {isBlindSpot: false}]);
});

test('a listing that says what is known changes nothing', async () => {
  const names = {f: {}, d: directory};
  await view.tell([listing('/', names, view.hlc, 'snapshot'), listing('/d', {g: {}}, view.hlc, 'snapshot')]);
  const seq = view.store.read(txn => txn.seq());
  await view.pass(200 * second).tell([listing('/', names, view.hlc), listing('/d', {g: {}}, view.hlc)]);
  expect(view.store.read(txn => txn.seq())).toBe(seq);
});

test('a suspect that a scan sees again, changed, stays suspect and is not listed twice', async () => {
  await view.tell([upsert('/f', {}, false)]);
  await view.pass(second).tell([listing('/', {f: {size: 3, ctime: old + 1}}, view.hlc)]);
  expect(view.find('/f')).toMatchObject({size: 3, isSuspect: true});
  expect(view.store.read(txn => [...txn.suspects()].length)).toBe(1);
});

test('what an agent tells after its own deletion counts, however its batches were delayed', async () => {
  await view.tell([upsert('/f'), remove('/f')]);
  await view.tell([upsert('/f')], {ageMs: 5 * second});
  expect(view.has('/f')).toBe(true);
});

test('the root stays a directory, and a closed file makes no row in the list of suspects', async () => {
  await view.tell([upsert('/'), upsert('/f')]);
  expect(view.find('/')).toMatchObject({kind: kinds.directory});
  expect(view.store.read(txn => [...txn.suspects()])).toEqual([]);
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
