import {expect, test} from 'vitest';
import {openMemoryTree} from '../../test/lib/memory-tree.ts';
import {fromText} from '../entry/byte-string.ts';
import {kinds, newEntryFrom} from '../entry/entry.ts';
import {type Path, rootPath} from '../entry/path.ts';
import {rootDirectory, type TreeStore} from '../tree/tree-store.ts';
import {BlindSpotPage} from './blind-spot-list.ts';
import {type ListPage, pageBytesMax, sliceRows} from './list-page.ts';
import {decodePlace} from './run-scan.ts';
import {decodePath, SuspectPage} from './suspect-list.ts';

const time = {seconds: 1, nanos: 0};
const nameOf = (i: number) => fromText(`f${String(i).padStart(5, '0')}`);

/** Files at the root, each a blind spot and suspect; the last by name is the first to expire. */
async function treeOf(files: number): Promise<TreeStore> {
  const store = openMemoryTree();
  await store.write(txn => {
    for (let i = 0; i < files; i++) {
      const attributes = {kind: kinds.file, size: 1, mtime: time, ctime: time};
      txn.put(rootDirectory, {...newEntryFrom(nameOf(i), attributes), isSuspect: true, isBlindSpot: true});
      txn.putSuspect(10_000 - i, {directory: rootDirectory, name: nameOf(i), size: 1, ctime: time});
      txn.putBlindSpot(rootDirectory, nameOf(i), 'created', 1);
    }
  });
  return store;
}

async function finish(store: TreeStore, page: ListPage, between = async () => {}): Promise<string[]> {
  while (!store.read(txn => page.slice(txn))) await between();
  return page.rows.map(row => JSON.parse(row).path);
}

test.each([
  ['suspects', SuspectPage, decodePath],
  ['blind spots', BlindSpotPage, decodePlace],
] as const)('pages of %s hold every row once, in order, each slice looking at a few', async (_name, Page, decode) => {
  const files = 5 * sliceRows + 7;
  const store = await treeOf(files);
  const found: string[] = [];
  let after: unknown;
  do {
    const page = new Page({path: rootPath, after: after as never, limit: 333});
    found.push(...(await finish(store, page)));
    expect(page.rows.length).toBeLessThanOrEqual(333);
    after = page.nextCursor === null ? undefined : decode(page.nextCursor);
  } while (after !== undefined);
  expect(found).toEqual(Array.from({length: files}, (_, i) => `/${nameOf(i)}`));
});

test('a suspect that is renewed while a page is made is on it once', async () => {
  const files = 3 * sliceRows;
  const store = await treeOf(files);
  let moved = 0;
  const found = await finish(store, new SuspectPage({path: rootPath, after: undefined, limit: 10_000}), async () => {
    const i = files - 1 - moved++; // one that this page has passed
    await store.write(txn => {
      txn.removeSuspect(10_000 - i, rootDirectory, nameOf(i));
      txn.putSuspect(20_000, {directory: rootDirectory, name: nameOf(i), size: 1, ctime: time});
    });
  });
  expect(moved).toBeGreaterThan(1);
  expect(found).toEqual(Array.from({length: files}, (_, i) => `/${nameOf(i)}`));
});

test('a page ends at its bytes, whatever was asked for, and tells how to go on', async () => {
  const store = await treeOf(6_000);
  for (const [Page, decode] of [
    [SuspectPage, decodePath],
    [BlindSpotPage, decodePlace],
  ] as const) {
    const page = new Page({path: rootPath, after: undefined, limit: 10_000});
    const found = await finish(store, page);
    expect(page.rows.join().length).toBeLessThan(2 * pageBytesMax);
    expect(found.length).toBeLessThan(6_000);
    const next = new Page({path: rootPath, after: decode(page.nextCursor!) as never, limit: 1});
    expect(await finish(store, next)).toEqual([`/${nameOf(found.length)}` as Path]);
  }
});
