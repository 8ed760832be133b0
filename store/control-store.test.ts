import {truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {controlStoreContract} from '../core/control/control-store.contract.ts';
import {openMemoryControl} from '../test/lib/memory-control.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {openControlStore} from './control-store.ts';
import {closeDatabases, openTables, putNumber} from './databases.ts';

controlStoreContract('LMDB', async () => {
  const folder = temporaryFolder();
  return {store: await openControlStore(folder.path), dispose: () => folder.remove()};
});
controlStoreContract('memory', async () => ({store: openMemoryControl(), dispose: () => {}}));

test('what was written is there when it is opened again, and only one may have it', async () => {
  using folder = temporaryFolder();
  const store = await openControlStore(folder.path);
  expect(await store.write(txn => [txn.nextNumber(), txn.nextNumber()])).toEqual([0, 1]);
  await expect(openControlStore(folder.path)).rejects.toMatchObject({code: 'DATA_DIR_UNUSABLE'});
  await store.close();
  const again = await openControlStore(folder.path);
  expect(await again.write(txn => txn.nextNumber())).toBe(2);
  await again.close();
});

test('a file whose making was cut off is made anew, one whose end is missing is refused', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'control.mdb');
  writeFileSync(path, '');
  const store = await openControlStore(folder.path);
  for (let i = 0; i < 20; i++) {
    const state = 'done' as const;
    const sent = {
      arguments: undefined,
      data: undefined,
      sentTo: undefined,
      sentAt: 0,
      endedAt: 1,
      message: 'x'.repeat(4_096),
    };
    const ordered = {part: 'payload-p', command: 'kill' as const, orderedBy: 'k', orderedAt: 1, deadlineAt: 2};
    await store.write(txn => txn.putCommand({agent: 'a', id: `c${i}`, number: i, state, ...ordered, ...sent}));
  }
  await store.close();
  truncateSync(path, 3 * 4_096);
  await expect(openControlStore(folder.path)).rejects.toMatchObject({
    code: 'STORE_FORMAT',
    message: expect.stringContaining('the end of the file is missing'),
  });
});

test('a file that is no environment, and one of a newer program, are refused as they are', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'control.mdb');
  writeFileSync(path, Buffer.alloc(10_000, 'x'));
  await expect(openControlStore(folder.path)).rejects.toMatchObject({code: 'STORE_FORMAT'});

  using newer = temporaryFolder();
  const newerPath = join(newer.path, 'control.mdb');
  const tables = openTables(newerPath, ['meta'], {readOnly: false})!;
  tables.root.transactionSync(() => putNumber(tables, 'format', 99));
  await closeDatabases(newerPath, tables);
  await expect(openControlStore(newer.path)).rejects.toMatchObject({
    code: 'STORE_FORMAT',
    message: expect.stringContaining('format 99 found'),
  });
});
