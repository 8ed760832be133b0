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
import {countDoubts, doubts} from './doubts.ts';
import {reviewSuspects} from './suspects.ts';
import {forgetTombstones} from './tombstones.ts';

let view: View;
beforeEach(() => {
  view = new View();
});

const blindSpots = () => view.store.read(txn => [...txn.blindSpots()].map(({name, change}) => `${name} ${change}`));
const isComplete = (at: string) => view.store.read(txn => resolve(txn, path(at)).isComplete);

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

test('what the scan of another agent found lately is not deleted by a listing either, whose cache may be older', async () => {
  await view.tell([listing('/', {f: {}}, view.hlc, 'snapshot')]);
  await view.pass(200 * second).tell([listing('/', {f: {size: 2}, g: {}}, view.hlc)]);
  await view.pass(second).tell([listing('/', {}, view.hlc)], {agent: 2});
  expect([view.has('/f'), view.has('/g')]).toEqual([true, true]);
  await view.tell([listing('/', {g: {}}, view.hlc)]);
  expect([view.has('/f'), view.has('/g')]).toEqual([false, true]);
  await view.pass(200 * second).tell([listing('/', {}, view.hlc)], {agent: 2});
  expect(view.has('/g')).toBe(false);
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

test('a listing of a directory that another one was renamed over brings nothing of it back', async () => {
  const evidence = view.hlc;
  await view.tell([upsert('/a', directory), upsert('/d', directory), upsert('/d/f')]);
  await view.pass(second).tell([move('/a', '/d')]);
  await view.pass(second).tell([listing('/d', {f: {}}, evidence)], {agent: 2});
  expect([view.has('/a'), view.has('/d'), view.has('/d/f')]).toEqual([false, true, false]);
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

test('also a listing that finds the directory made again leaves its tombstone, against listings from before', async () => {
  const evidence = view.hlc;
  await view.tell([upsert('/d', directory), upsert('/d/f')]);
  await view.pass(second).tell([remove('/d')]);
  await view.pass(second).tell([listing('/', {d: directory}, view.hlc)]);
  await view.pass(second).tell([listing('/d', {f: {}}, evidence)], {agent: 2});
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

test('an older observation of a file does not take away the directory in which another agent saw something since', async () => {
  await view.tell([listing('/', {}, view.hlc, 'snapshot')], {agent: 2});
  await view.pass(10 * second).tell([upsert('/d/e', directory)]);
  await view.pass(second).tell([upsert('/d')], {agent: 2, ageMs: 5 * second});
  expect([view.has('/d/e'), view.doubts()]).toEqual([true, ['/d']]);
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

test('a late rename of another agent does not stand where something was deleted or changed meanwhile', async () => {
  await view.tell([upsert('/a'), upsert('/c')], {agent: 2});
  await view.tell([upsert('/b'), upsert('/d')]);
  await view.pass(10 * second).tell([remove('/b'), upsert('/d', {ctime: old + 1})]);
  await view.tell([move('/a', '/b'), move('/c', '/d')], {agent: 2, ageMs: 5 * second});
  expect([view.has('/b'), view.doubts()]).toEqual([false, ['/a', '/b', '/c', '/d']]);
  expect(view.find('/d')).toMatchObject({ctime: {seconds: old + 1}});
});

test('a rename of what nobody knows removes what it replaced', async () => {
  await view.tell([upsert('/b', {size: 5}), move('/unknown', '/b')]);
  expect(view.has('/b')).toBe(false);
});

test('a suspect that is renamed is looked at under its new name', async () => {
  await view.tell([upsert('/f', {}, false), move('/f', '/g')]);
  view.pass(31 * second);
  await view.store.write(txn => reviewSuspects(txn, {now: view.hlc, thresholdMs: second, limit: 10}));
  expect(view.find('/g')).toMatchObject({isSuspect: false});
});

test('what one agent makes, deletes and makes again is never in doubt', async () => {
  await view.tell([upsert('/f', {ctime: view.nowMs / 1000})]);
  await view.pass(second).tell([remove('/f'), upsert('/f', {ctime: view.nowMs / 1000})]);
  await view.pass(second).tell([remove('/f')]);
  expect([view.has('/f'), view.doubts()]).toEqual([false, []]);
});

test('of a file that is alive again its deletion says nothing: a later ctime counts as ever', async () => {
  await view.tell([upsert('/f'), remove('/f'), upsert('/f', {ctime: old + 1})]);
  await view.pass(second).tell([upsert('/f', {size: 3, ctime: old + 2})], {agent: 2, delayMs: 5 * second});
  expect(view.find('/f')).toMatchObject({size: 3});
});

test('an older observation that comes late makes a deleted file new only with a ctime after the deletion', async () => {
  await view.tell([upsert('/f', {ctime: view.nowMs / 1000})]);
  await view.pass(second).tell([remove('/f')]);
  await view.pass(10 * second).tell([upsert('/f', {ctime: view.nowMs / 1000})], {agent: 2, delayMs: 20 * second});
  expect([view.has('/f'), view.doubts()]).toEqual([true, []]);
});

test('an agent that tells of something below its own file has seen a directory there', async () => {
  await view.tell([upsert('/f')]);
  await view.pass(second).tell([upsert('/f/x')]);
  expect(view.find('/f')).toMatchObject({kind: kinds.directory});
});

test('an older observation of another kind of thing is in doubt', async () => {
  await view.tell([upsert('/x', directory)]);
  await view.pass(second).tell([upsert('/x', {ctime: old - 5})], {agent: 2, ageMs: 60 * second});
  expect([view.find('/x')!.kind, view.doubts()]).toEqual([kinds.directory, ['/x']]);
});

test('a late listing of what is below a deleted directory, or that could not read it, does not bring it back', async () => {
  const evidence = view.hlc;
  await view.tell([upsert('/d', directory), upsert('/d/e', directory), upsert('/g', directory)]);
  await view.pass(second).tell([remove('/d'), remove('/g')]);
  const unreadable: FsEvent = {kind: 'unreadable', source: 'audit', path: path('/g'), evidence, error: 'EIO'};
  await view.tell([listing('/d/e', {f: {}}, evidence), unreadable], {agent: 2});
  expect([view.has('/d'), view.has('/g')]).toEqual([false, false]);
});

test('a directory that is listed where another agent saw a file lately is out of date; later it is the truth', async () => {
  await view.tell([upsert('/f')]);
  await view.pass(second).tell([listing('/f', {x: {}}, view.hlc), listing('/f/d', {x: {}}, view.hlc)], {agent: 2});
  expect(view.find('/f')).toMatchObject({kind: kinds.file});
  await view.pass(200 * second).tell([listing('/f', {x: {}}, view.hlc)], {agent: 2});
  expect(view.has('/f/x')).toBe(true);
});

test('a directory that could not be read is there, and not complete', async () => {
  await view.tell([{kind: 'unreadable', source: 'snapshot', path: path('/d'), evidence: view.hlc, error: 'EACCES'}]);
  expect([view.find('/d')!.kind, isComplete('/d')]).toEqual([kinds.directory, false]);
});

test('a directory that was found gone and is listed again is no blind spot any more', async () => {
  await view.tell([listing('/', {d: directory}, view.hlc, 'snapshot')]);
  await view.pass(200 * second).tell([listing('/', {}, view.hlc)]);
  expect(blindSpots()).toEqual(['d deleted']);
  await view.pass(200 * second).tell([listing('/d', {}, view.hlc)]);
  expect(blindSpots()).toEqual([]);
});

test('a name that was found gone comes back with a snapshot, and is no blind spot', async () => {
  await view.tell([listing('/', {f: {}}, view.hlc, 'snapshot')]);
  await view.pass(200 * second).tell([listing('/', {}, view.hlc)]);
  await view.pass(200 * second).tell([listing('/', {f: {}}, view.hlc, 'snapshot')]);
  expect([blindSpots(), view.find('/f')!.isBlindSpot]).toEqual([[], false]);
});

test('a directory is never suspect, however young', async () => {
  await view.tell([listing('/', {d: {...directory, ctime: view.nowMs / 1000}}, view.hlc, 'snapshot')]);
  expect(view.find('/d')).toMatchObject({isSuspect: false});
});

test('a reading in ranges is complete only when all of them came, one behind the other, of one reading', async () => {
  const range = (from: string | undefined, to: string | undefined, name: string, evidence = view.hlc): FsEvent => {
    const event = listing('/d', {[name]: {}}, evidence) as Extract<FsEvent, {kind: 'listing'}>;
    return {
      ...event,
      after: from === undefined ? undefined : path(from),
      until: to === undefined ? undefined : path(to),
    };
  };
  await view.tell([listing('/', {d: directory}, view.hlc, 'snapshot'), range('m', undefined, 'x')]);
  expect(isComplete('/d')).toBe(false);
  const earlier = view.hlc;
  await view.pass(second).tell([range(undefined, 'm', 'a', earlier), range('m', undefined, 'x')]);
  expect(isComplete('/d')).toBe(false);
  await view.tell([range(undefined, 'f', 'a'), range('m', undefined, 'x')]);
  expect(isComplete('/d')).toBe(false);
  await view.tell([range(undefined, 'm', 'a'), range('m', undefined, 'x')]);
  expect(isComplete('/d')).toBe(true);
});

test('a deletion is confirmed by a look that began after it was found, and only in the range that was read', async () => {
  await view.tell([listing('/', {a: {}, z: {}}, view.hlc, 'snapshot')]);
  const first = view.pass(200 * second).hlc;
  const again = view.pass(second).hlc;
  await view.pass(second).tell([listing('/', {}, first)]);
  await view.tell([listing('/', {}, again)]);
  expect(blindSpots()).toEqual(['a deleted', 'z deleted']);
  const later = listing('/', {}, view.pass(second).hlc) as Extract<FsEvent, {kind: 'listing'}>;
  await view.tell([{...later, until: path('m')}]);
  expect(blindSpots()).toEqual(['z deleted']);
  await view.tell([{...later, after: path('m')}]);
  expect(blindSpots()).toEqual([]);
});

test('a look from before a watcher saw the file says nothing, and one that finds what is known changes nothing', async () => {
  const evidence = view.hlc;
  await view.pass(second).tell([upsert('/f', {size: 5})]);
  const seq = view.store.read(txn => txn.seq());
  const looks = [look('/f', {size: 6}, evidence), look('/f', undefined, evidence), look('/f', {size: 5}, view.hlc)];
  await view.tell(looks, {agent: 2});
  expect(view.store.read(txn => txn.seq())).toBe(seq);
  await view.pass(second).tell([look('/f', {size: 5, ctime: old + 1}, view.hlc)], {agent: 2});
  expect(view.find('/f')).toMatchObject({ctime: {seconds: old + 1}});
  await view.tell([look('/f', {size: 6, ctime: old + 1}, view.hlc)], {agent: 2});
  expect(view.find('/f')).toMatchObject({size: 6});
});

test('a look finds what is there, unless another agent saw it go and a cache may be wrong', async () => {
  await view.tell([upsert('/gone'), remove('/gone')], {agent: 2});
  await view.pass(second).tell([look('/gone', {}, view.hlc), look('/new', {}, view.hlc)]);
  expect([view.has('/gone'), view.has('/new')]).toEqual([false, true]);
  await view.pass(200 * second).tell([look('/gone', {}, view.hlc)]);
  expect(view.has('/gone')).toBe(true);
});

test('a look from before the oldest remembered deletion makes nothing', async () => {
  const evidence = view.hlc;
  await view.tell([upsert('/f'), remove('/f')]);
  view.pass(7200 * second);
  await view.store.write(txn => void forgetTombstones(txn, {until: view.hlc, after: undefined, limit: 10}));
  await view.tell([look('/f', {}, evidence)]);
  expect(view.has('/f')).toBe(false);
});

test('a look at a directory keeps what is in it; that it is gone counts only when nobody saw anything in it lately', async () => {
  await view.tell([upsert('/d', directory), upsert('/d/f')]);
  await view.pass(second).tell([upsert('/d/g')], {agent: 2});
  await view.tell([look('/d', {...directory, ctime: old + 9}, view.hlc), look('/d', undefined, view.hlc)]);
  expect([view.has('/d/f'), view.find('/d')!.ctime.seconds]).toEqual([true, old + 9]);
  await view.pass(200 * second).tell([look('/d', undefined, view.hlc)]);
  expect([view.has('/d'), blindSpots()]).toEqual([false, ['d deleted']]);
});

test('what was reviewed is not in the list of suspects any more, and what is settled not among the doubts', async () => {
  await view.tell([upsert('/f', {}, false), upsert('/g')]);
  await view.pass(second).tell([remove('/f'), remove('/g')], {agent: 2, delayMs: 5 * second});
  expect(view.store.read(countDoubts)).toBe(2);
  await view.pass(200 * second).tell([look('/f', {}, view.hlc)]);
  expect([view.store.read(countDoubts), view.doubts()]).toEqual([1, ['/g']]);
  await view.tell([look('/g', {}, view.hlc)]);
  await view.store.write(txn => reviewSuspects(txn, {now: view.hlc, thresholdMs: second, limit: 10}));
  expect(view.store.read(txn => [[...txn.suspects()], countDoubts(txn), [...doubts(txn)]])).toEqual([[], 0, []]);
});

test('what another agent saw in an earlier directory of the same name is in doubt', async () => {
  await view.tell([upsert('/d', directory)]);
  await view.pass(10 * second).tell([remove('/d'), upsert('/d', directory)]);
  await view.pass(second).tell([upsert('/d/f')], {agent: 2, ageMs: 5 * second});
  expect([view.has('/d/f'), view.doubts()]).toEqual([false, ['/d/f']]);
  await view.tell([upsert('/d/g')], {agent: 2});
  expect(view.has('/d/g')).toBe(true);
});

test('an older deletion that comes late does not make a later one forgotten', async () => {
  await view.tell([upsert('/f', {ctime: view.nowMs / 1000})]);
  await view.pass(20 * second).tell([remove('/f')]);
  await view.tell([remove('/f'), upsert('/f')], {agent: 2, ageMs: 10 * second});
  expect(view.has('/f')).toBe(false);
});

test('of two deletions whose order is not known neither agent may say that what it saw came after both', async () => {
  await view.tell([upsert('/f')]);
  await view.pass(20 * second).tell([remove('/f')]);
  await view.tell([remove('/g')], {agent: 2, delayMs: 30 * second});
  await view.pass(second).tell([remove('/g')], {ageMs: 5 * second});
  // Seen between half a minute ago and now: perhaps before the other one saw it go.
  const back = [remove('/f'), upsert('/f'), upsert('/g')];
  await view.pass(second).tell(back, {agent: 2, delayMs: 30 * second});
  expect([view.has('/f'), view.has('/g'), view.doubts()]).toEqual([false, false, ['/f', '/g']]);
});

test('what another agent saw in an earlier directory is in doubt also where a file stood there in between', async () => {
  await view.tell([upsert('/d', directory), upsert('/x')]);
  await view.pass(10 * second).tell([remove('/d'), move('/x', '/d')]);
  await view.pass(second).tell([listing('/', {d: directory}, view.hlc)]);
  await view.pass(second).tell([upsert('/d/f')], {agent: 2, ageMs: 8 * second});
  expect([view.find('/d')!.kind, view.has('/d/f'), view.doubts()]).toEqual([kinds.directory, false, ['/d/f']]);
});

test('a rename from a directory that is gone makes no directory', async () => {
  await view.tell([upsert('/d', directory), upsert('/d/f'), remove('/d')]);
  await view.tell([move('/d/f', '/g')], {agent: 2, ageMs: 5 * second});
  expect(view.has('/d')).toBe(false);
});

test('a listing whose look may be the earlier one deletes nothing, and what a look made stands against an older deletion', async () => {
  const evidence = view.hlc;
  await view.pass(10 * second).tell([listing('/', {f: {}}, evidence, 'snapshot')]);
  await view.pass(second).tell([listing('/', {}, evidence + 1)], {agent: 2});
  expect(view.has('/f')).toBe(true);
  await view.pass(10 * second).tell([look('/new', {ctime: view.nowMs / 1000}, view.hlc)]);
  await view.pass(second).tell([remove('/new')], {agent: 2, ageMs: 5 * second});
  expect([view.has('/new'), view.doubts()]).toEqual([true, ['/new']]);
});

test('a directory that was read after an older reading of its parent began is not missing', async () => {
  const evidence = view.hlc;
  await view.pass(10 * second).tell([listing('/d/e', {}, view.hlc, 'snapshot')]);
  await view.pass(second).tell([listing('/d', {}, evidence)], {agent: 2});
  expect(view.has('/d/e')).toBe(true);
});

test('a look that finds no directory any more counts only when nobody saw, or read, anything in it lately', async () => {
  await view.tell([upsert('/x')], {agent: 2});
  await view.tell([upsert('/d', directory), upsert('/d/f')]);
  await view.pass(second).tell([look('/d', {size: 9, ctime: old + 50}, view.hlc)]);
  expect(view.find('/d')).toMatchObject({kind: kinds.directory});
  const evidence = view.pass(200 * second).hlc;
  await view.pass(second).tell([listing('/d', {g: {}}, view.hlc)]);
  await view.tell([look('/d', undefined, evidence)]);
  expect(view.has('/d/g')).toBe(true);
});

test('after a start that found a wall clock years ahead the window begins anew', async () => {
  await view.tell([upsert('/f')]);
  const before = view.hlc;
  view.pass(1e11);
  view.run = {since: view.hlc, before};
  await view.pass(10 * second).tell([listing('/', {}, view.hlc)], {agent: 2});
  expect(view.has('/f')).toBe(true);
  await view.pass(200 * second).tell([listing('/', {}, view.hlc)], {agent: 2});
  expect(view.has('/f')).toBe(false);
});

test('what was observed before an engine started is not ordered against what others told meanwhile', async () => {
  await view.tell([upsert('/f'), upsert('/g')]);
  view.run = {since: view.pass(10 * second).hlc, before: view.hlc};
  // Heard before the start, observed before and after that; and heard after the start.
  await view.pass(second).tell([remove('/f')], {agent: 2, ageMs: 5 * second, delayMs: 20 * second});
  await view.tell([remove('/g')], {agent: 2, ageMs: 5 * second});
  expect([view.has('/f'), view.has('/g'), view.doubts()]).toEqual([true, true, ['/f', '/g']]);
  await view.pass(10 * second).tell([remove('/g')], {agent: 2});
  expect(view.has('/g')).toBe(false);
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
