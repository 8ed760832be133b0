import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {wrongTotals} from '../test/lib/recount.ts';
import {storedStep} from '../test/lib/store-writer.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {openTreeReader} from './tree-store.ts';

/** Two processes that met while opening failed in one round of twenty, before they took turns. */
const rounds = Number(process.env.FUSTOR_ROUNDS ?? 6);
const program = join(import.meta.dirname, '../test/lib/store-writer.ts');

test('readers that come and go while a writer makes the store and closes it, again and again, all see it', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'view');
  for (let round = 0; round < rounds; round++) {
    rmSync(path, {recursive: true, force: true});
    const writer = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, path, '3'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exited = once(writer, 'exit');
    while (writer.exitCode === null) {
      const reader = openTreeReader(path);
      expect(reader.read(storedStep as never)).toBeLessThanOrEqual(3);
      await reader.close();
      await new Promise(resolve => setImmediate(resolve));
    }
    expect(await exited).toEqual([0, null]);
    const reader = openTreeReader(path);
    expect(reader.read(storedStep as never)).toBe(3);
    await reader.close();
  }
}, 120_000);

test('the map grows by itself while a reader in another process is open, and every snapshot is whole', async () => {
  using folder = temporaryFolder();
  const writer = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, folder.path, '301'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(writer, 'exit');
  const reader = openTreeReader(folder.path);
  const sizes = new Set<number>();
  const file = join(folder.path, 'tree.mdb');
  let last = 0;
  while (writer.exitCode === null) {
    const [step, wrong] = reader.read(txn => [storedStep(txn), wrongTotals(txn)] as never) as [number, string[]];
    expect(wrong).toEqual([]);
    expect(step).toBeGreaterThanOrEqual(last);
    last = step;
    sizes.add(Math.ceil((statSync(file, {throwIfNoEntry: false})?.size ?? 0) / 2 ** 17));
    await new Promise(resolve => setImmediate(resolve));
  }
  expect(await exited).toEqual([0, null]);
  expect(reader.read(storedStep as never)).toBe(301);
  expect(reader.read(wrongTotals as never)).toEqual([]);
  await reader.close();
  // A new map has 128 KiB, and the reader opened it when it was small.
  expect(Math.max(...sizes)).toBeGreaterThan(8);
  expect(sizes.size).toBeGreaterThan(3);
}, 120_000);
