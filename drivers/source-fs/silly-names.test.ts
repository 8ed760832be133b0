import {chmodSync, mkdirSync, unlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, expect, test} from 'vitest';
import {Observed} from '../../core/source/source.contract.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {openTestSource} from './open-test-source.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function observe(): Promise<Observed> {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  mkdirSync(join(folder.path, 'd/below'), {recursive: true});
  writeFileSync(join(folder.path, 'd/f'), 'x');
  const observed = new Observed(folder.path, openTestSource(folder.path));
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  await observed.scan();
  observed.told.length = 0;
  return observed;
}

function listings(observed: Observed) {
  return observed.told.flatMap(event => (event.kind === 'listing' ? [event] : []));
}

test('the end of a .nfs name has its directory listed, with the evidence of before the reading; the name itself is never told', async () => {
  const observed = await observe();
  const silly = join(observed.directory, 'd/.nfs0001');
  writeFileSync(silly, 'x');
  chmodSync(silly, 0o600);
  await observed.source.settle();
  // While it is there it is somebody's open file, perhaps still written: no reason to list the directory each time.
  expect(listings(observed)).toEqual([]);
  const evidence = observed.sink.evidence();
  unlinkSync(silly);
  await observed.source.settle();
  expect(listings(observed)).toMatchObject([{path: '/d', source: 'snapshot', after: undefined, until: undefined}]);
  const [listing] = listings(observed);
  expect(listing!.evidence).toBeGreaterThanOrEqual(evidence);
  expect(listing!.evidence).toBeLessThan(observed.sink.evidence());
  expect(JSON.stringify(observed.told)).not.toContain('.nfs');
  await observed.expectSame();
});

test('many .nfs names that end at once have the directory listed a few times, not once for each', async () => {
  const observed = await observe();
  const names = Array.from({length: 300}, (_, i) =>
    join(observed.directory, 'd', `.nfs${String(i).padStart(24, '0')}`),
  );
  for (const name of names) writeFileSync(name, 'x');
  for (const name of names) unlinkSync(name);
  await observed.source.settle();
  expect(listings(observed).length).toBeGreaterThan(0);
  expect(listings(observed).length).toBeLessThan(30);
  await observed.expectSame();
});
