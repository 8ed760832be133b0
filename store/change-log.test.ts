import {afterEach, beforeEach, expect, test} from 'vitest';
import {fromText} from '../core/entry/byte-string.ts';
import {kinds, newEntryFrom, zeroTime} from '../core/entry/entry.ts';
import {packRun} from '../core/entry/packed.ts';
import {rootDirectory, type TreeRead, verdicts} from '../core/tree/tree-store.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {closeDatabases, openDatabases, putNumber} from './databases.ts';
import {openTreeReader, openTreeStore} from './tree-store.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const everything = {after: undefined, until: undefined};
const file = (name: string, size = 0) =>
  newEntryFrom(fromText(name), {kind: kinds.file, size, mtime: zeroTime, ctime: zeroTime});
/** Every change behind the log's beginning is there. */
const isWhole = (txn: TreeRead) => {
  const from = txn.changesFrom();
  const seqs = [...txn.changes(from)].map(({seq}) => seq);
  expect(seqs).toEqual(Array.from({length: txn.seq() - from}, (_, index) => from + index + 1));
  return from as never;
};

test('the oldest changes go when there are too many, and the log says from where it is whole', async () => {
  const bytesMax = 10_000;
  let store = await openTreeStore(folder.path, {changeLogBytesMax: bytesMax});
  let last = 0;
  for (let round = 1; round <= 30; round++) {
    await store.write(txn => {
      const run = packRun(Array.from({length: 100}, (_, i) => file(`file-${1_000 + i}`, round)));
      txn.merge(rootDirectory, everything, run, 1, () => verdicts.take);
      for (let i = 0; i < 40; i++)
        txn.put(rootDirectory, file(`other-${Math.floor((i * 7_919) % 500)}`, round * 50 + i));
    });
    if (round % 10 === 0) {
      await store.close();
      store = await openTreeStore(folder.path, {changeLogBytesMax: bytesMax});
    }
    const from: number = store.read(isWhole);
    expect(from).toBeGreaterThanOrEqual(last);
    last = from;
  }
  expect(last).toBeGreaterThan(0);
  expect(store.read(txn => txn.seq() - txn.changesFrom())).toBeGreaterThan(500);
  const kept = openDatabases(`${folder.path}/tree.mdb`, {readOnly: true})!;
  const bytes = [...kept.changes.getRange({})].reduce((sum, {value}) => sum + value.byteLength, 0);
  expect(bytes).toBeLessThan(bytesMax);
  await closeDatabases(`${folder.path}/tree.mdb`, kept);
  await store.close();
});

test('with no room at all the newest stay', async () => {
  const store = await openTreeStore(folder.path, {changeLogBytesMax: 0});
  for (const name of ['a', 'b', 'c']) await store.write(txn => void txn.put(rootDirectory, file(name)));
  expect(store.read(isWhole)).toBe(2);
  await store.close();
});

test('a store from before there was a log begins one where it is, also for readers', async () => {
  const store = await openTreeStore(folder.path);
  await store.write(txn => void txn.put(rootDirectory, file('a')));
  await store.write(txn => void txn.put(rootDirectory, file('b')));
  await store.close();
  const path = `${folder.path}/tree.mdb`;
  const db = openDatabases(path, {readOnly: false})!;
  db.changes.dropSync();
  db.root.transactionSync(() => {
    putNumber(db, 'format', 1);
    putNumber(db, 'changesBytes', 0);
  });
  await closeDatabases(path, db);
  const again = await openTreeStore(folder.path);
  expect(again.read(isWhole)).toBe(2);
  await again.write(txn => void txn.put(rootDirectory, file('c')));
  const reader = openTreeReader(folder.path);
  expect(reader.read(isWhole)).toBe(2);
  expect(reader.read(txn => [...txn.changes(2)].map(({path}) => path) as never)).toEqual(['/c']);
  await reader.close();
  await again.close();
});
