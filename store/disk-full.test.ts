import {statSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {fromText} from '../core/entry/byte-string.ts';
import {kinds, newEntryFrom} from '../core/entry/entry.ts';
import {rootDirectory, type TreeWrite} from '../core/tree/tree-store.ts';
import {limitFileSize, unlimited} from '../test/lib/file-size-limit.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {openTreeStore} from './tree-store.ts';

const ignoreSignal = () => {};
afterEach(() => {
  limitFileSize(unlimited);
  process.off('SIGXFSZ', ignoreSignal);
});

test('when there is no room, nothing is half-written, and writing goes on when there is', async () => {
  process.on('SIGXFSZ', ignoreSignal);
  using folder = temporaryFolder();
  const store = await openTreeStore(folder.path);
  const time = {seconds: 1, nanos: 0};
  const fill = (txn: TreeWrite, part: number) => {
    const name = fromText(`part-${part}`);
    const directory = newEntryFrom(name, {kind: kinds.directory, size: 0, mtime: time, ctime: time});
    const {directory: number} = txn.put(rootDirectory, directory);
    for (let i = 0; i < 500; i++) {
      const file = newEntryFrom(fromText(`file-${i}`), {kind: kinds.file, size: 1, mtime: time, ctime: time});
      txn.put(number, file);
    }
  };
  const counts = () =>
    store.read(txn => {
      const {directories, files} = txn.directory(rootDirectory)!.totals;
      return {directories, files};
    });
  await store.write(txn => fill(txn, 0));
  limitFileSize(BigInt(statSync(join(folder.path, 'tree.mdb')).size + 64 * 1024));
  let parts = 1;
  const filling = async () => {
    for (; parts < 100; parts++) await store.write(txn => fill(txn, parts));
  };
  // A limit on files cuts the write short, which LMDB calls an I/O error; a full disk is told by its free blocks.
  const noRoom = {code: expect.stringMatching('STORE_FULL|STORE_FAILED')};
  await expect(filling()).rejects.toMatchObject(noRoom);
  expect(counts()).toEqual({directories: parts, files: parts * 500});
  // Neighbours in one commit fail together, and fail again while there is no room.
  const both = await Promise.allSettled([0, 1].map(n => store.write(txn => fill(txn, parts + n))));
  expect(both.map(({status}) => status)).toEqual(['rejected', 'rejected']);

  limitFileSize(unlimited);
  await store.write(txn => fill(txn, parts));
  expect(counts()).toEqual({directories: parts + 1, files: (parts + 1) * 500});
  await store.close();
  const again = await openTreeStore(folder.path);
  expect(again.read(txn => txn.directory(rootDirectory)!.totals.files)).toBe((parts + 1) * 500);
  await again.close();
});

test('a store that there is no room for is refused, and made when there is', async () => {
  process.on('SIGXFSZ', ignoreSignal);
  using folder = temporaryFolder();
  for (const bytes of [0, 4_096, 8_192, 100_000]) {
    limitFileSize(BigInt(bytes));
    await expect(openTreeStore(folder.path)).rejects.toMatchObject({code: 'STORE_FULL'});
  }
  limitFileSize(unlimited);
  const store = await openTreeStore(folder.path);
  expect(store.read(txn => txn.directory(rootDirectory)!.totals.files)).toBe(0);
  await store.close();
});
