import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {type ByteString, fromText} from '../core/entry/byte-string.ts';
import {type Entry, kinds, newEntryFrom} from '../core/entry/entry.ts';
import {PackedCursor} from '../core/entry/packed.ts';
import {rootDirectory, type TreeRead, type TreeReader} from '../core/tree/tree-store.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {closeDatabases, getNumber, openDatabases, putNumber} from './databases.ts';
import {openTreeReader, openTreeStore} from './tree-store.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const time = {seconds: 1, nanos: 2};
const entry = (name: string, kind: Entry['kind'] = kinds.file): Entry =>
  newEntryFrom(fromText(name), {kind, size: 1, mtime: time, ctime: time});

type Answer = {found: string[]; runs: number};

/** The names with a part in them, and how many runs that are not empty were given to find them. */
function find(reader: TreeReader, part: string): Answer {
  return reader.read((txn: TreeRead) => {
    const answer: Answer = {found: [], runs: 0};
    for (const {run} of txn.allRuns({directory: rootDirectory, name: '' as ByteString}, [[fromText(part)]])) {
      if (run.byteLength > 0) answer.runs++;
      for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next())
        if (cursor.name.includes(part)) answer.found.push(cursor.name);
    }
    return answer as never;
  }) as Answer;
}

/** So many directories with ten files each; the name of the file in the middle of them is rare. */
async function make(directories: number): Promise<void> {
  const store = await openTreeStore(folder.path);
  await store.write(txn => {
    for (let d = 0; d < directories; d++) {
      const {directory} = txn.put(rootDirectory, entry(`directory-${d}`, kinds.directory));
      for (let f = 0; f < 10; f++) txn.put(directory, entry(`file-${f}.data`));
      if (d === Math.floor(directories / 2)) txn.put(directory, entry('a-needle.data'));
    }
  });
  await store.close();
}

test('a search for what few names have looks into few directories', async () => {
  await make(500);
  const reader = openTreeReader(folder.path);
  const {found, runs} = find(reader, 'needle');
  expect(found).toEqual(['a-needle.data']);
  expect(runs).toBeLessThan(10);
  expect(find(reader, '.data').found).toHaveLength(5_001);
  await reader.close();
});

test('a store from before there were signatures is searched at once, and sooner when its engine has kept house', async () => {
  await make(500);
  const path = join(folder.path, 'tree.mdb');
  const db = openDatabases(path, {readOnly: false})!;
  db.root.transactionSync(() => {
    for (const key of [...db.filters.getKeys({})]) void db.filters.remove(key);
    putNumber(db, 'format', 3);
  });
  await closeDatabases(path, db);

  let store = await openTreeStore(folder.path);
  const needles = async (names: string[]) => {
    const reader = openTreeReader(folder.path);
    const answer = find(reader, 'needle');
    expect(answer.found.sort()).toEqual(names);
    await reader.close();
    return answer.runs;
  };
  expect(await needles(['a-needle.data'])).toBeGreaterThan(500);
  await store.write(txn => {
    txn.put(3, entry('b-needle.data'));
    const {directory} = txn.put(rootDirectory, entry('new', kinds.directory));
    txn.put(directory, entry('c-needle.data'));
  });
  const all = ['a-needle.data', 'b-needle.data', 'c-needle.data'];
  let before = await needles(all);
  expect(before).toBeGreaterThan(500);
  for (let isLeft = true, round = 0; isLeft; round++) {
    isLeft = (await store.write(txn => txn.collect(100) as never)) as boolean;
    const now = await needles(all);
    expect(now).toBeLessThan(before);
    before = now;
    await store.write(txn => void txn.put(400 - round, entry(`other-${round}`)));
    if (round === 2) {
      await store.close();
      store = await openTreeStore(folder.path);
    }
  }
  expect(before).toBeLessThan(10);
  await store.close();
});

test('names that add nothing write nothing, and a directory of too many different names is always looked into', async () => {
  await make(1);
  const store = await openTreeStore(folder.path);
  const rowBytes = () => {
    const db = openDatabases(join(folder.path, 'tree.mdb'), {readOnly: true})!;
    const bytes = [...db.filters.getRange({})].reduce((sum, {value}) => sum + value.length, 0);
    expect(getNumber(db, 'filteredFrom') ?? 0).toBe(0);
    return closeDatabases(join(folder.path, 'tree.mdb'), db).then(() => bytes);
  };
  const small = await rowBytes();
  await store.write(txn => {
    for (let i = 0; i < 10; i++) txn.put(2, entry(`file-${i}.data.data`));
  });
  expect(await rowBytes()).toBe(small);
  for (let part = 0; part < 10; part++) {
    await store.write(txn => {
      for (let i = 0; i < 100; i++) txn.put(2, entry(((part * 100 + i + 1) * 123_456_791_113).toString(36)));
    });
    expect(await rowBytes()).toBeLessThanOrEqual(1_200);
    expect(find(store, 'needle').found).toEqual(['a-needle.data']);
  }
  await store.write(txn => void txn.put(2, entry('UVWXYZ')));
  expect(find(store, 'UVWXYZ').found).toEqual(['UVWXYZ']);
  expect(await rowBytes()).toBeLessThan(small);
  await store.close();
});
