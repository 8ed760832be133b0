import {statSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {reviewSuspects} from '../core/tree/suspects.ts';
import {forgetTombstones} from '../core/tree/tombstones.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {directory, remove, second, settings, upsert, View} from '../test/lib/view.ts';
import {openDatabases} from './databases.ts';
import {openTreeStore} from './tree-store.ts';

const rounds = 24;
const files = 500;

test('of nodes that come and go again and again nothing is left: no row, no block, no growth of the file', async () => {
  using folder = temporaryFolder();
  const store = await openTreeStore(folder.path, {changeLogBytesMax: 0});
  const view = new View(store);
  const sizes: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await view.tell([upsert('/d', directory), ...each(i => upsert(`/d/f${i}`, {}, i % 2 === 0))]);
    await view.pass(second).tell(round % 2 === 0 ? [remove('/d')] : each(i => remove(`/d/f${i}`)));
    view.pass(2 * settings.tombstoneRetentionMs);
    await store.write(txn => {
      reviewSuspects(txn, {now: view.hlc, thresholdMs: settings.hotFileThresholdMs, limit: 10_000});
      forgetTombstones(txn, {until: view.hlc, after: undefined, limit: 10_000});
      while (txn.collect(1_000));
    });
    sizes.push(statSync(join(folder.path, 'tree.mdb')).blocks);
  }
  await view.tell([remove('/d')]);
  view.pass(2 * settings.tombstoneRetentionMs);
  await store.write(txn => {
    forgetTombstones(txn, {until: view.hlc, after: undefined, limit: 10_000});
    while (txn.collect(1_000));
  });
  await store.close();
  expect(sizes.at(-1)).toBeLessThanOrEqual(sizes[rounds / 3]!);

  const {root, directories, orphans, tombstones, suspects, blindSpots, filters, blocks} = openDatabases(
    join(folder.path, 'tree.mdb'),
    {readOnly: true},
  )!;
  const rows = Object.entries({directories, orphans, tombstones, suspects, blindSpots, filters, blocks}).map(
    ([name, table]) => [name, [...table.getKeys({})].length] as const,
  );
  await root.close();
  // The place above the root, the root, and a block of each.
  expect(Object.fromEntries(rows)).toEqual({
    directories: 2,
    orphans: 0,
    tombstones: 0,
    suspects: 0,
    blindSpots: 0,
    filters: expect.any(Number),
    blocks: expect.any(Number),
  });
  const rowsOf = (table: string) => rows.find(([name]) => name === table)![1];
  expect(rowsOf('blocks')).toBeLessThanOrEqual(2);
  expect(rowsOf('filters')).toBeLessThanOrEqual(1); // of the root, which had names
});

function each<T>(make: (index: number) => T): T[] {
  return Array.from({length: files}, (_, index) => make(index));
}
