import {mkdirSync, symlinkSync, unlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, expect, test, vi} from 'vitest';
import {Observed} from '../../core/source/source.contract.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {openTestSource} from './open-test-source.ts';

vi.setConfig({testTimeout: 120_000, hookTimeout: 60_000});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test('a directory of many names is told in ranges of 4,000, and what happens in it while it is read is not lost', async () => {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  mkdirSync(join(folder.path, 'big'));
  const count = 12_000;
  const nameOf = (i: number) => join(folder.path, 'big', `${(i * 7_919) % count}`);
  for (let i = 0; i < count; i++) symlinkSync('x', nameOf(i));
  const observed = new Observed(folder.path, openTestSource(folder.path));
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  let isRead = false;
  const scanned = observed.scan().finally(() => (isRead = true));
  let changes = 0;
  for (; !isRead && changes < 25; changes++) {
    writeFileSync(join(folder.path, 'big', `new-${changes}`), 'x');
    unlinkSync(nameOf(changes));
    await new Promise(resolve => setImmediate(resolve));
  }
  await scanned;
  expect(changes).toBeGreaterThan(5);
  const ranges = observed.scanned.flatMap(event => (event.kind === 'listing' && event.path === '/big' ? [event] : []));
  expect(ranges.length).toBeGreaterThanOrEqual(3);
  expect(ranges.map(({after}) => after)).toEqual([undefined, ...ranges.slice(0, -1).map(({until}) => until)]);
  expect(ranges.at(-1)!.until).toBeUndefined();
  await observed.expectSame();
});
