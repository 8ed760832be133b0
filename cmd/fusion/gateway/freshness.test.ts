import {expect, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {kinds, newEntryFrom, zeroTime} from '../../../core/entry/entry.ts';
import {rootDirectory} from '../../../core/tree/tree-store.ts';
import {askApp, gatewayApp} from '../../../test/lib/gateway-app.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';

/** There is no engine that could be asked. */
const store = openMemoryTree();
const app = gatewayApp(store);
await store.write(txn => txn.setDirectory(rootDirectory, {listedAt: 1}));

const paths = ['fs/tree', 'fs/stat', 'fs/stats'];
const ask = (path: string, query: string) => askApp(app, `/api/v1/${path}?${query}`);

test.each(paths)('%s: what is required and is not so is 412, with the meta', async path => {
  const {status, body} = await ask(path, 'sync=true&sync_timeout=10&require=complete,synced');
  expect({status, code: body.error.code}).toEqual({status: 412, code: 'REQUIREMENT_UNMET'});
  expect(body.meta).toMatchObject({complete: true, sync_point: {is_reached: false, reason: 'no_engine'}});
  expect(body.error.message).toBe(body.meta.sync_point.message);
});

test.each(paths)('%s: what is so is answered; without a requirement also what is not', async path => {
  expect((await ask(path, 'require=complete')).status).toBe(200);
  const {status, body} = await ask(path, 'sync=true&sync_timeout=10');
  expect({status, point: body.meta.sync_point.is_reached}).toEqual({status: 200, point: false});
});

test.each([
  'require=synced',
  'require=settled',
  'require=perfect',
  'require=',
  'settled=soon',
  'sync=maybe',
  'sync_timeout=-1',
])('%s is refused', async query => {
  for (const path of paths) expect((await ask(path, query)).status).toBe(400);
});

test('what stands in the way of knowing all is told, and what mends it', async () => {
  const partial = openMemoryTree();
  await partial.write(txn => {
    const attributes = {kind: kinds.directory, size: 0, mtime: zeroTime, ctime: zeroTime};
    const put = (parent: number, name: string) => txn.put(parent, newEntryFrom(fromText(name), attributes)).directory;
    txn.setDirectory(rootDirectory, {listedAt: 1});
    const data = put(rootDirectory, 'data');
    txn.setDirectory(data, {listedAt: 1});
    for (const name of ['secret', 'private']) txn.setDirectory(put(data, name), {unreadable: 'EACCES'});
    const fresh = put(rootDirectory, 'fresh');
    txn.setDirectory(put(rootDirectory, 'mount'), {listedAt: 1, unreadable: 'EXDEV'});
    expect(txn.directory(fresh)!.listedAt).toBe(0);
  });
  const app = gatewayApp(partial);
  const told = async (path: string) => (await askApp(app, `/api/v1/${path}`)).body.error as Record<string, string>;

  const missing = await told('fs/stat?path=/data/secret/a/b');
  expect(missing.message).toContain(
    'has not been seen in the view research yet: /data/secret cannot be read (EACCES).',
  );
  expect(missing.hint).toMatch(/permission.*fustorctl scan/);
  const unlisted = await told('fs/tree?path=/fresh/a');
  expect(unlisted.message).toContain('yet: /fresh is not listed yet.');
  expect(unlisted.hint).toContain('ask again later');
  expect((await told('fs/stats?path=/mount/a')).message).toContain('/mount is another file system');

  for (const path of paths) {
    const error = await told(`${path}?path=/data&require=complete`);
    expect(error.message).toContain('at and below /data: 2 directories cannot be read, 2 directories not listed yet.');
    expect(error.hint).toMatch(/permission.*fs\/stats\?children=true/);
    expect(error.hint).not.toContain('later');
  }
  const wholly = await told('fs/tree?require=complete');
  expect(wholly.message).toContain('at and below /: 2 directories cannot be read, 3 directories not listed yet.');
  const own = await told('fs/tree?path=/data/secret&require=complete');
  expect(own.message).toContain(': /data/secret cannot be read (EACCES).');
  const waiting = await told('fs/tree?path=/fresh&require=complete');
  expect(waiting).toMatchObject({
    message: expect.stringContaining(': at and below /fresh: 1 directory not listed yet.'),
    hint: expect.stringContaining('Ask again later'),
  });
});
