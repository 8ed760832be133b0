import {expect, test} from 'vitest';
import {fromText} from '../../../core/entry/byte-string.ts';
import {kinds, newEntryFrom, zeroTime} from '../../../core/entry/entry.ts';
import {rootDirectory, type TreeReader} from '../../../core/tree/tree-store.ts';
import {askApp, gatewayApp} from '../../../test/lib/gateway-app.ts';
import {openMemoryTree} from '../../../test/lib/memory-tree.ts';

test('a path that comes between two looks at the store is not said to be missing from a complete view', async () => {
  const [before, after] = [openMemoryTree(), openMemoryTree()];
  await after.write(txn => {
    const attributes = {kind: kinds.file, size: 1, mtime: zeroTime, ctime: zeroTime};
    txn.put(rootDirectory, newEntryFrom(fromText('file'), attributes));
    txn.setDirectory(rootDirectory, {listedAt: 1});
  });
  let looks = 0;
  const reader: TreeReader = {
    read: body => (looks++ === 0 ? before : after).read(body),
    close: async () => {},
  };
  const app = gatewayApp(reader);
  expect(await askApp(app, '/api/v1/fs/stat?path=/file')).toMatchObject({status: 404, body: {meta: {complete: false}}});
  expect(await askApp(app, '/api/v1/fs/stat?path=/file')).toMatchObject({status: 200});
  expect(await askApp(app, '/api/v1/fs/stat?path=/none')).toMatchObject({status: 404, body: {meta: {complete: true}}});
});
