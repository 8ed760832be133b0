import {readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, expect, test} from 'vitest';
import {spoolContract} from '../core/pipe/spool.contract.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {remove} from '../test/lib/view.ts';
import {openSpool} from './spool-store.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
let opened = 0;
spoolContract('a spool on LMDB', bytesMax => openSpool(join(folder.path, String(opened++)), {bytesMax}));

test('what an earlier process left is deleted, other files are not, and an empty spool has no file', () => {
  using place = temporaryFolder();
  for (const name of ['events-1-1.mdb', 'events-1-1.mdb-lock', 'other']) writeFileSync(join(place.path, name), 'x');
  const spool = openSpool(place.path, {bytesMax: 1e9});
  expect(readdirSync(place.path)).toEqual(['other']);
  spool.change(rows => rows.append(remove('/a')));
  expect(readdirSync(place.path).length).toBeGreaterThan(1);
  spool.clear();
  expect(readdirSync(place.path)).toEqual(['other']);
});
