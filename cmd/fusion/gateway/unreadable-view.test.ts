import {createHash} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {openTreeReader} from '../../../store/tree-store.ts';
import {gatewayParts} from '../../../test/lib/gateway-app.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {KeyRing} from '../../http/keys.ts';
import {createApp, type GatewayApp} from './app.ts';
import {Views} from './views.ts';

const folder = temporaryFolder('fustor-unreadable-view-');
let app: GatewayApp;
beforeAll(() => {
  writeFileSync(join(folder.path, 'tree.mdb'), 'something else'.repeat(2_000));
  const sha256 = createHash('sha256').update('key-of-all').digest('hex');
  const reader = openTreeReader(folder.path);
  app = createApp(
    gatewayParts({
      keys: new KeyRing([{name: 'all', role: 'admin', sha256, views: '*'}]),
      views: new Views([{name: 'site', reader, engineSocket: join(folder.path, 'engine.sock')}]),
      runDirectory: folder.path,
    }),
  );
});
afterAll(() => folder.remove());

test.each([
  ['fs/tree', 200],
  ['fs/tree?recursive=true', 200],
  ['fs/tree?on_demand_scan=true', 200],
  ['fs/stat', 200],
  ['fs/suspects', 200],
  ['fs/blind-spots', 200],
  ['jobs', 200],
  ['status', 200],
  ['fs/tree?path=/data', 404],
  ['fs/stat?path=/data', 404],
] as const)('%s of a view whose store cannot be read is answered %i, and tells why', async (path, status) => {
  const response = await app.request(`/api/v1/${path}`, {headers: {'x-api-key': 'key-of-all'}});
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({meta: {sync: 'unreadable', problem: 'STORE_FORMAT', complete: false}});
});
