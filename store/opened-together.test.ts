import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {rootDirectory} from '../core/tree/tree-store.ts';
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
  const growing = join(import.meta.dirname, '../test/lib/growing-store.ts');
  const writer = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', growing, folder.path, '40'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(writer, 'exit');
  const reader = openTreeReader(folder.path);
  const counts: number[] = [];
  const read = () => {
    const files = reader.read(txn => (wrongTotals(txn).length === 0 ? txn.directory(rootDirectory)!.totals.files : -1));
    if (files !== counts.at(-1)) counts.push(files);
  };
  while (writer.exitCode === null) {
    read();
    await new Promise(resolve => setImmediate(resolve));
  }
  expect(await exited).toEqual([0, null]);
  read();
  await reader.close();
  expect(counts.at(-1)).toBe(40_000);
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  expect(counts.every(count => count % 1_000 === 0)).toBe(true);
  // The reader saw it small, when the map had 128 KiB, and now it has more than a megabyte.
  expect(counts.length).toBeGreaterThan(5);
  expect(statSync(join(folder.path, 'tree.mdb')).size).toBeGreaterThan(2 ** 20);
}, 120_000);
