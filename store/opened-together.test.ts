import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
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
