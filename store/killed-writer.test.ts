import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {expect, test} from 'vitest';
import type {DirectoryNumber, Entry} from '../core/entry/entry.ts';
import {PackedCursor} from '../core/entry/packed.ts';
import {rootDirectory, type TreeRead} from '../core/tree/tree-store.ts';
import {openMemoryTree} from '../test/lib/memory-tree.ts';
import {Prng} from '../test/lib/prng.ts';
import {doStep, storedStep} from '../test/lib/store-writer.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {openTreeStore} from './tree-store.ts';

const kills = Number(process.env.FUSTOR_KILLS ?? 6);

test('a writer that is killed loses nothing it acknowledged, and leaves whole transactions only', async () => {
  using folder = temporaryFolder();
  const random = new Prng(kills);
  const expected = openMemoryTree();
  let done = 0;
  for (let kill = 0; kill < kills; kill++) {
    const moment = {acknowledgements: 3 + random.below(40), thenMs: 4 * random.next()};
    const acknowledged = await writeUntilKilled(folder.path, moment);
    const store = await openTreeStore(folder.path);
    const stored = store.read(storedStep as never) as number;
    expect(stored).toBeGreaterThanOrEqual(acknowledged);
    for (; done < stored; done++) await expected.write(txn => doStep(txn, done + 1));
    expect(store.read(contentOf as never)).toEqual(expected.read(contentOf as never));
    await store.close();
  }
  expect(done).toBeGreaterThan(kills);
}, 60_000);

/** Returns the last step that the writer acknowledged. */
async function writeUntilKilled(
  path: string,
  {acknowledgements, thenMs}: {acknowledgements: number; thenMs: number},
): Promise<number> {
  const program = join(import.meta.dirname, '../test/lib/store-writer.ts');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let last = 0;
  let count = 0;
  for await (const line of createInterface(child.stdout)) {
    last = Number(line);
    if (++count === acknowledgements) setTimeout(() => child.kill('SIGKILL'), thenMs);
  }
  const [, signal] = await exited;
  expect(signal).toBe('SIGKILL');
  return last;
}

function contentOf(txn: TreeRead): never {
  const numbers: DirectoryNumber[] = [rootDirectory];
  const entries: Entry[] = [];
  for (const number of numbers) {
    for (const run of txn.runs(number)) {
      for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) {
        entries.push(cursor.toEntry());
        if (cursor.directory !== 0) numbers.push(cursor.directory);
      }
    }
  }
  const records = numbers.map(number => ({...txn.directory(number)!, totals: {...txn.directory(number)!.totals}}));
  return {seq: txn.seq(), records, entries} as never;
}
