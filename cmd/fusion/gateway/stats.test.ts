import {beforeEach, expect, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {type Kind, kinds, newEntryFrom} from '../../../core/entry/entry.ts';
import {rootDirectory, type TreeStore} from '../../../core/tree/tree-store.ts';
import {askApp, gatewayApp} from '../../../test/lib/gateway-app.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';
import type {GatewayApp} from './app.ts';

let store: TreeStore;
let app: GatewayApp;
const ask = (query: string) => askApp(app, `/api/v1/fs/stats?${query}`);

beforeEach(async () => {
  store = openMemoryTree();
  app = gatewayApp(store);
  await store.write(txn => {
    const put = (directory: number, name: string, size: number, kind: Kind = kinds.file) => {
      const time = {seconds: 1_700_000_000 + size, nanos: 120_000_000};
      return txn.put(directory, newEntryFrom(fromText(name), {kind, size, mtime: time, ctime: time})).directory;
    };
    const large = put(rootDirectory, 'large', 0, kinds.directory);
    const deep = put(large, 'deep', 0, kinds.directory);
    put(deep, 'x', 1_000);
    put(large, 'y', 500);
    put(rootDirectory, 'small', 10);
    put(rootDirectory, 'link', 4, kinds.symlink);
    const many = put(rootDirectory, 'many', 0, kinds.directory);
    for (let i = 0; i < 1_200; i++) put(many, `f${i}`, i);
    for (const directory of [rootDirectory, large, many]) txn.setDirectory(directory, {listedAt: 1});
  });
});

test('a directory has the sums of everything below it, and the meta of a tree', async () => {
  const {status, body, text} = await ask('path=/large');
  expect({status, data: body.data}).toEqual({
    status: 200,
    data: {
      path: '/large',
      content_type: 'directory',
      ...{files: 2, directories: 1, others: 0, bytes: 1_500, unlisted: 1, unreadable: 0, suspects: 0, blind_spots: 0},
      newest_change: 1_700_001_000.12,
    },
  });
  expect(text).toContain('"newest_change":1700001000.12}');
  expect(body.meta).toMatchObject({view: 'research', complete: false, sync: 'stale', seq: expect.any(Number)});
});

test('a deletion is the newest change where it was, and above: the directory itself has changed by it', async () => {
  const deletedAt = {seconds: 1_800_000_000, nanos: 0};
  await store.write(txn => {
    const large = txn.entry(rootDirectory, fromText('large'))!;
    txn.remove(large.directory, fromText('y'));
    txn.put(rootDirectory, {...large, mtime: deletedAt, ctime: deletedAt});
  });
  for (const path of ['/', '/large']) expect((await ask(`path=${path}`)).body.data.newest_change).toBe(1_800_000_000);
  expect((await ask('path=/large/deep')).body.data.newest_change).toBe(1_700_001_000.12);
  expect((await ask('children=true&sort=newest_change')).body.data.children[0].name).toBe('large');
});

test('a file and a link have their own', async () => {
  const [file, link] = await Promise.all(['small', 'link'].map(name => ask(`path=/${name}`)));
  expect(file!.body.data).toMatchObject({
    files: 1,
    directories: 0,
    others: 0,
    bytes: 10,
    newest_change: 1_700_000_010.12,
  });
  expect(link!.body.data).toMatchObject({files: 0, directories: 0, others: 1, bytes: 0});
});

test('a path that is not known is 404 with the meta of its place', async () => {
  const {status, body} = await ask('path=/large/deep/z');
  expect({status, code: body.error.code, complete: body.meta.complete}).toEqual({
    status: 404,
    code: 'PATH_NOT_FOUND',
    complete: false,
  });
});

test('children come with their own sums, the greatest first', async () => {
  const {body} = await ask('children=true');
  expect(body.data.children.map(({name, bytes}: {name: string; bytes: number}) => [name, bytes])).toEqual([
    ['many', 719_400],
    ['large', 1_500],
    ['small', 10],
    ['link', 0],
  ]);
  const byFiles = await ask('children=true&sort=files&limit=2');
  expect(byFiles.body.data.children.map(({name}: {name: string}) => name)).toEqual(['many', 'large']);
  expect(byFiles.body.data.children_count).toBe(4);
});

test('of many children the greatest are found, in several slices', async () => {
  const {body} = await ask('path=/many&children=true&limit=3');
  expect(body.data.children.map(({name}: {name: string}) => name)).toEqual(['f1199', 'f1198', 'f1197']);
  expect(body.data.children_count).toBe(1_200);
});
