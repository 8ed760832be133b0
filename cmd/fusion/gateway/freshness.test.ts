import {expect, test} from 'vitest';
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
