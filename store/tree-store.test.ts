import {copyFileSync, existsSync, readdirSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {fromText} from '../core/entry/byte-string.ts';
import {type Entry, kinds, newEntryFrom} from '../core/entry/entry.ts';
import {packRun} from '../core/entry/packed.ts';
import {aboveRoot, rootDirectory, rootName, type TreeReader, verdicts} from '../core/tree/tree-store.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {openDatabases, putNumber} from './databases.ts';
import {openTreeReader, openTreeStore} from './tree-store.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const time = {seconds: 1, nanos: 2};
const file = (name: string): Entry =>
  newEntryFrom(fromText(name), {kind: kinds.file, size: 1, mtime: time, ctime: time});
const everything = {after: undefined, until: undefined};
const fileCount = (reader: TreeReader) => reader.read(txn => txn.directory(rootDirectory)!.totals.files);
const treePath = () => join(folder.path, 'tree.mdb');

/** A reader looks for another file only so often. */
async function eventually(check: () => void): Promise<void> {
  for (const deadline = Date.now() + 3_000; ; ) {
    try {
      return check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }
}

test('a reader sees an empty tree until there is one, and then every commit', async () => {
  const reader = openTreeReader(folder.path);
  reader.read(txn => {
    expect(txn.seq()).toBe(0);
    expect(txn.entry(aboveRoot, rootName)).toMatchObject({directory: rootDirectory, hasAttributes: false});
    expect(txn.directory(rootDirectory)).toMatchObject({listedAt: 0, totals: {files: 0, unlisted: 0}});
    expect([...txn.runs(rootDirectory), ...txn.tombstones(), ...txn.suspects(), ...txn.states('')]).toEqual([]);
  });
  expect(existsSync(treePath())).toBe(false);
  const store = await openTreeStore(folder.path);
  await store.write(txn => void txn.put(rootDirectory, file('a')));
  await eventually(() => expect(fileCount(reader)).toBe(1));
  await store.write(txn => void txn.put(rootDirectory, file('b')));
  expect(fileCount(reader)).toBe(2);
  await store.close();
  expect(fileCount(reader)).toBe(2);
  await reader.close();
});

test('a reader finds a view that was dropped and made again', async () => {
  const first = await openTreeStore(folder.path);
  await first.write(txn => void txn.put(rootDirectory, file('of the first')));
  const reader = openTreeReader(folder.path);
  expect(fileCount(reader)).toBe(1);
  const storeId = () => reader.read(txn => txn.storeId() as never) as string;
  const idOfFirst = storeId();
  expect(idOfFirst).toMatch(/^[\w-]{8}$/);
  await first.close();
  for (const name of readdirSync(folder.path)) rmSync(join(folder.path, name));
  const second = await openTreeStore(folder.path);
  await eventually(() => expect(fileCount(reader)).toBe(0));
  expect(storeId()).toMatch(/^[\w-]{8}$/);
  expect(storeId()).not.toBe(idOfFirst);
  await second.close();
  await reader.close();
});

test('a file of as many commits in the place of another has other snapshots', async () => {
  const makeWith = async (name: string) => {
    const store = await openTreeStore(folder.path, {newId: 'same'});
    await store.write(txn => void txn.put(rootDirectory, file(name)));
    await store.close();
  };
  const idAndNames = (reader: TreeReader) =>
    reader.read(txn => ({id: txn.snapshotId(), has: txn.entry(rootDirectory, fromText('second')) !== undefined}));
  const commitOf = (id: string | undefined) => id!.split('/').at(-1);
  await makeWith('first');
  const reader = openTreeReader(folder.path);
  const before = idAndNames(reader);
  rmSync(treePath());
  await makeWith('second');
  await eventually(() => expect(idAndNames(reader).has).toBe(true));
  const after = idAndNames(reader);
  expect(commitOf(after.id)).toBe(commitOf(before.id));
  expect(after.id).not.toBe(before.id);
  await reader.close();
});

test('a file whose first pages are not written yet is no tree yet', async () => {
  writeFileSync(treePath(), '');
  const reader = openTreeReader(folder.path);
  expect(fileCount(reader)).toBe(0);
  const store = await openTreeStore(folder.path);
  await store.close();
  await reader.close();
});

test('a file that is something else is refused and left alone', async () => {
  writeFileSync(treePath(), 'my thesis\n'.repeat(2000));
  await expect(openTreeStore(folder.path)).rejects.toMatchObject({code: 'STORE_FORMAT'});
  const reader = openTreeReader(folder.path);
  expect(fileCount(reader)).toBe(0);
  rmSync(treePath());
  await (await openTreeStore(folder.path)).close();
});

test('a store of a newer program is refused by a writer, reads as one that cannot be read, and is left alone', async () => {
  await (await openTreeStore(folder.path)).close();
  const db = openDatabases(treePath(), {readOnly: false})!;
  db.root.transactionSync(() => putNumber(db, 'format', 7));
  await db.root.close();
  const refusal = {
    code: 'STORE_FORMAT',
    message: expect.stringContaining('format 7 found, this program reads up to 4.'),
  };
  await expect(openTreeStore(folder.path)).rejects.toMatchObject(refusal);
  const faults: unknown[] = [];
  const reader = openTreeReader(folder.path, fault => faults.push(fault));
  expect(fileCount(reader)).toBe(0);
  expect(faults).toEqual([expect.objectContaining(refusal)]);
  await reader.close();
});

test('a store from before stores had an id is given one', async () => {
  await (await openTreeStore(folder.path)).close();
  const db = openDatabases(treePath(), {readOnly: false})!;
  db.root.transactionSync(() => {
    void db.meta.remove(Buffer.from('storeId'));
    putNumber(db, 'format', 2);
  });
  await db.root.close();
  const reader = openTreeReader(folder.path);
  const storeId = () => reader.read(txn => txn.storeId() as never) as string;
  expect(storeId()).toBe('');
  const store = await openTreeStore(folder.path, {newId: 'given'});
  await eventually(() => expect(storeId()).toBe('given'));
  await store.close();
  const again = await openTreeStore(folder.path, {newId: 'another'});
  expect(storeId()).toBe('given');
  await again.close();
  await reader.close();
});

test('a second writer is refused, and let in when the first has gone', async () => {
  const store = await openTreeStore(folder.path);
  await expect(openTreeStore(folder.path)).rejects.toMatchObject({code: 'DATA_DIR_UNUSABLE'});
  await store.close();
  await (await openTreeStore(folder.path)).close();
});

test('writes that wait when the store closes are written', async () => {
  const store = await openTreeStore(folder.path);
  const writes = ['a', 'b', 'c'].map(name => store.write(txn => void txn.put(rootDirectory, file(name))));
  await store.close();
  await Promise.all(writes);
  const reader = openTreeReader(folder.path);
  expect(fileCount(reader)).toBe(3);
  await reader.close();
});

test('a copy of the file is a whole view', async () => {
  using other = temporaryFolder();
  const store = await openTreeStore(folder.path);
  await store.write(txn => void txn.put(rootDirectory, file('a')));
  await store.close();
  copyFileSync(treePath(), join(other.path, 'tree.mdb'));
  const copy = await openTreeStore(other.path);
  expect(fileCount(copy)).toBe(1);
  await copy.close();
});

test('a listing of what is known writes nothing at all', async () => {
  const store = await openTreeStore(folder.path);
  const run = packRun(Array.from({length: 500}, (_, i) => file(`f${1000 + i}`)));
  const list = () =>
    store.write(txn => {
      txn.merge(rootDirectory, everything, run, 1, () => verdicts.take);
      txn.setDirectory(rootDirectory, {listedAt: 5, unreadable: undefined});
    });
  const transactions = () => {
    const db = openDatabases(treePath(), {readOnly: true})!;
    const {lastTxnId} = db.root.getStats() as {lastTxnId: number};
    return db.root.close().then(() => lastTxnId);
  };
  await list();
  const before = await transactions();
  await list();
  expect(await transactions()).toBe(before);
  await store.close();
});

test('a reader that leaves runs half-read pins no pages', async () => {
  const store = await openTreeStore(folder.path, {changeLogBytesMax: 0});
  const reader = openTreeReader(folder.path);
  const fill = (size: number) =>
    store.write(txn => {
      for (let i = 0; i < 2000; i++) txn.put(rootDirectory, {...file(`name-${1000 + i}`), size});
    });
  for (let size = 1; size < 5; size++) await fill(size);
  const before = statSync(treePath()).size;
  reader.read(txn => {
    const runs = txn.runs(rootDirectory)[Symbol.iterator]();
    for (let i = 0; i < 3; i++) runs.next();
  });
  for (let size = 5; size < 20; size++) await fill(size);
  expect(statSync(treePath()).size).toBeLessThan(1.3 * before);
  await reader.close();
  await store.close();
});
