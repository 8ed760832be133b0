import {beforeEach, expect, test} from 'vitest';
import {attributes, directory, listing, old, path, remove, second, upsert, View} from '../../test/lib/view.ts';
import {PackedCursor, packRun} from '../entry/packed.ts';
import type {FsEvent} from '../protocol/events.ts';
import {resolve} from '../query/resolve.ts';
import {readClock, tick} from '../session/ingest.ts';
import {rootDirectory} from './tree-store.ts';

/** What went wrong in earlier systems of this kind, each with the numbers of its report. */
let view: View;
beforeEach(() => {
  view = new View();
});

const names = (count: number) => Object.fromEntries(Array.from({length: count}, (_, i) => [`f${i}`, {}]));
const filesBelow = (at: string) => view.store.read(txn => resolve(txn, path(at)).record?.totals.files);

test('a reading that timed out in an audit removes none of 1,002 nodes', async () => {
  await view.tell([
    listing('/', {d: directory}, view.hlc, 'snapshot'),
    listing('/d', names(1_001), view.hlc, 'snapshot'),
  ]);
  await view
    .pass(200 * second)
    .tell([
      listing('/', {d: directory}, view.hlc),
      {kind: 'unreadable', source: 'audit', path: path('/d'), evidence: view.hlc, error: 'ETIMEDOUT'},
    ]);
  expect(filesBelow('/d')).toBe(1_001);
});

test('a deletion in a blind spot is found, also below an ancestor that the audit skipped', async () => {
  await view.tell([
    listing('/', {d: directory}, view.hlc, 'snapshot'),
    listing('/d', {e: directory}, view.hlc, 'snapshot'),
    listing('/d/e', {f: {}, g: {}}, view.hlc, 'snapshot'),
  ]);
  const unchanged = (at: string): FsEvent => ({kind: 'unchanged', source: 'audit', path: path(at), evidence: view.hlc});
  await view.pass(200 * second).tell([unchanged('/'), unchanged('/d'), listing('/d/e', {g: {}}, view.hlc)]);
  expect([view.has('/d/e/f'), view.has('/d/e/g')]).toEqual([false, true]);
});

test('what a skipped directory holds does not count as seen: the next full listing deletes it', async () => {
  await view.tell([listing('/', {d: directory}, view.hlc, 'snapshot'), listing('/d', {f: {}}, view.hlc, 'snapshot')]);
  await view.pass(200 * second).tell([{kind: 'unchanged', source: 'audit', path: path('/d'), evidence: view.hlc}]);
  await view.pass(second).tell([listing('/d', {}, view.hlc)]);
  expect(view.has('/d/f')).toBe(false);
});

test('an older file that was moved over a newer one is accepted by the first audit', async () => {
  await view.tell([upsert('/f', {size: 2, ctime: old + 100})]);
  const moved = {...attributes({size: 1, ctime: old + 200}), mtime: {seconds: old - 1e6, nanos: 0}};
  const audit = () => {
    const event = listing('/', {f: {}}, view.hlc) as Extract<FsEvent, {kind: 'listing'}>;
    return withAttributes(event, moved);
  };
  await view.pass(200 * second).tell([audit()], {agent: 2});
  expect(view.find('/f')).toMatchObject({size: 1, mtime: moved.mtime});
});

test('a file that came from a server whose clock stands behind is accepted too, once the window is over', async () => {
  await view.tell([upsert('/f', {size: 2, ctime: old + 100})]);
  await view.pass(200 * second).tell([listing('/', {f: {size: 1, ctime: old - 1e6}}, view.hlc)], {agent: 2});
  expect(view.find('/f')).toMatchObject({size: 1});
});

test('an audit of old directories does not move the clock of the storage', async () => {
  const nowS = () => view.nowMs / 1000;
  for (let i = 0; i < 5; i++) await view.pass(second).tell([upsert(`/clock${i}`, {ctime: nowS()})]);
  for (let i = 0; i < 100; i++)
    await view.tell([listing(`/d${i}`, {a: {ctime: old - 1e6}, b: {ctime: old - 2e6}}, view.hlc)]);
  await view.tell([listing('/new', {young: {ctime: nowS() - 5}, aged: {ctime: nowS() - 60}}, view.hlc)]);
  expect([view.find('/new/young'), view.find('/new/aged')]).toMatchObject([{isSuspect: true}, {isSuspect: false}]);
});

test('after a restart with a wall clock that began at zero the first audit deletes what is gone', async () => {
  await view.store.write(txn => tick(txn, view.nowMs));
  await view.tell([listing('/', {f: {}, g: {}}, view.store.read(readClock), 'snapshot')]);
  const evidence = await view.store.write(txn => tick(txn, 0));
  await view.tell([listing('/', {g: {}}, evidence)]);
  expect([view.has('/f'), view.has('/g')]).toEqual([false, true]);
});

test('deleting one of many entries of a directory leaves the others as they are', async () => {
  await view.tell([listing('/', names(1_000), view.hlc, 'snapshot')]);
  await view.pass(second).tell([remove('/f500')]);
  const left = view.store.read(txn => {
    let count = 0;
    for (const run of txn.runs(rootDirectory)) for (const at = new PackedCursor(run); !at.isAtEnd; at.next()) count++;
    return count;
  });
  expect([left, view.has('/f500')]).toEqual([999, false]);
});

function withAttributes(event: Extract<FsEvent, {kind: 'listing'}>, given: ReturnType<typeof attributes>): FsEvent {
  const first = new PackedCursor(event.entries);
  return {...event, entries: packRun([{...first.toEntry(), ...given}])};
}
