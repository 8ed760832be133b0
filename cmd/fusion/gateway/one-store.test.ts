import {expect, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {kinds, newEntryFrom, zeroTime} from '../../../core/entry/entry.ts';
import {rootDirectory, type TreeReader, type TreeStore} from '../../../core/tree/tree-store.ts';
import {unreadableTree} from '../../../store/empty-tree.ts';
import {askApp, gatewayApp} from '../../../test/lib/gateway-app.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';

/** Directories enough for several slices, each with a file that nobody watched and that may still be written. */
async function plant(storeId: string): Promise<TreeStore> {
  const store = openMemoryTree(storeId);
  const attributes = {size: 1, mtime: zeroTime, ctime: zeroTime};
  await store.write(txn => {
    for (let i = 0; i < 700; i++) {
      const made = newEntryFrom(fromText(`d${i}`), {...attributes, kind: kinds.directory});
      const {directory} = txn.put(rootDirectory, made);
      const place = {directory, name: fromText('file')};
      const file = newEntryFrom(place.name, {...attributes, kind: kinds.file});
      txn.put(directory, {...file, isSuspect: true, isBlindSpot: true});
      txn.putBlindSpot(directory, place.name, 'created', 1);
      txn.putSuspect(i + 1, {...place, size: 1, ctime: zeroTime});
    }
  });
  return store;
}

const unreadable: TreeReader = {read: body => body(unreadableTree('MDB_CORRUPTED')), close: async () => {}};
const search = '/api/v1/fs/search?pattern=file&limit=10000';

/** Reads from the first for so many times, then from the other. */
function switching(first: TreeReader, then: TreeReader, looks: number): TreeReader {
  let looked = 0;
  return {read: body => (looked++ < looks ? first : then).read(body), close: async () => {}};
}

const rowsOf = (data: unknown) => (data as {children?: unknown[]}).children ?? data;

test.each([
  ['search?pattern=file&limit=10000', 4],
  ['blind-spots?limit=10000', 4],
  ['suspects?limit=10000', 4],
  ['stats?children=true&limit=10000', 2],
])('fs/%s whose store goes away in the middle, or before its end is told, fails', async (question, slicesMin) => {
  const path = `/api/v1/fs/${question}`;
  const [store, other] = [await plant('one'), await plant('other')];
  let looks = 0;
  const counted: TreeReader = {
    read: body => {
      looks++;
      return store.read(body);
    },
    close: async () => {},
  };
  expect(rowsOf((await askApp(gatewayApp(counted), path)).body.data)).toHaveLength(700);
  expect(looks).toBeGreaterThan(slicesMin);
  for (const now of [other, unreadable]) {
    for (let whole = 1; whole < looks; whole++) {
      const {status, body} = await askApp(gatewayApp(switching(store, now, whole)), path);
      expect([whole, status, body.error.code]).toEqual([whole, 503, 'STORE_FAILED']);
    }
  }
  const {body} = await askApp(gatewayApp(switching(store, unreadable, 2)), path);
  expect(body.error.message).toContain('MDB_CORRUPTED');
});

const paged = [search, '/api/v1/fs/blind-spots?limit=10000'];

test.each(paged)('a cursor of %s leads on in its own store only', async all => {
  const [store, other] = [await plant('one'), await plant('other')];
  const {next_cursor: cursor} = (await askApp(gatewayApp(store), all.replace('10000', '300'))).body.meta;
  expect((await askApp(gatewayApp(store), `${all}&cursor=${cursor}`)).body.data).toHaveLength(400);
  expect(await askApp(gatewayApp(other), `${all}&cursor=${cursor}`)).toMatchObject({
    status: 400,
    body: {error: {message: expect.stringContaining('does not belong')}},
  });
  expect((await askApp(gatewayApp(unreadable), `${all}&cursor=${cursor}`)).status).toBe(503);
  const withoutStore = cursor.split('.')[1];
  expect((await askApp(gatewayApp(store), `${all}&cursor=${withoutStore}`)).status).toBe(400);
});
