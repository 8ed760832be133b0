import {writeSync} from 'node:fs';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kinds, newEntryFrom} from '../../core/entry/entry.ts';
import {packRun} from '../../core/entry/packed.ts';
import {rootDirectory, type TreeRead, type TreeWrite, verdicts} from '../../core/tree/tree-store.ts';
import {openTreeStore} from '../../store/tree-store.ts';
import {Prng} from './prng.ts';

/**
 * A program that writes to a store until somebody kills it, or to its last step: `node store-writer.ts FOLDER
 * [LAST]`. It goes on from the step that is stored, and tells each step that is acknowledged, one to a line.
 */
const stepName = 'step';
const namesMax = 40;

/** The step that a tree has come to. */
export function storedStep(txn: TreeRead): number {
  return txn.state<number>(stepName) ?? 0;
}

/** What a step does depends on nothing but its number and the tree, so it can be done again anywhere. */
export function doStep(txn: TreeWrite, step: number): void {
  const random = new Prng(step);
  for (let i = 0; i < 10; i++) {
    const at = someDirectory(txn, random);
    const name = nameOf(random.below(namesMax));
    switch (random.below(6)) {
      case 0:
        txn.put(at, entryOf(name, random, true));
        break;
      case 1:
        txn.remove(at, name);
        break;
      case 2: {
        const to = nameOf(random.below(namesMax));
        txn.move({directory: at, name}, {directory: at, name: to}, {realtimeAt: step});
        break;
      }
      case 3: {
        const names = Array.from({length: namesMax}, (_, n) => n).filter(() => random.next() < 0.8);
        const run = packRun(names.map(n => entryOf(nameOf(n), random, false)));
        const range = {after: undefined, until: undefined};
        txn.merge(at, range, run, step % 7, (_, listed) => (listed ? verdicts.take : verdicts.remove));
        txn.setDirectory(at, {listedAt: step});
        break;
      }
      default:
        txn.put(at, entryOf(name, random, false));
    }
  }
  txn.collect(2);
  txn.putState(stepName, step);
}

function someDirectory(txn: TreeRead, random: Prng): DirectoryNumber {
  let at = rootDirectory;
  while (random.next() < 0.7) at = txn.entry(at, nameOf(random.below(namesMax)))?.directory || at;
  return at;
}

function nameOf(n: number): ByteString {
  return `${String(n).padStart(3, '0')}-${'long'.repeat(40)}` as ByteString;
}

function entryOf(name: ByteString, random: Prng, mayBeDirectory: boolean): Entry {
  const time = {seconds: random.below(2 ** 30), nanos: random.below(1_000_000_000)};
  const kind = mayBeDirectory ? kinds.directory : kinds.file;
  return newEntryFrom(name, {kind, size: random.below(2 ** 30), mtime: time, ctime: time});
}

if (import.meta.main) {
  const store = await openTreeStore(process.argv[2]!);
  const last = Number(process.argv[3] ?? Number.POSITIVE_INFINITY);
  for (let step = store.read(storedStep) + 1; step <= last; step++) {
    // Some steps share a commit.
    const together = [store.write(txn => doStep(txn, step))];
    if (step % 5 === 0) together.push(store.write(txn => doStep(txn, ++step)));
    await Promise.all(together);
    writeSync(1, `${step}\n`);
  }
  await store.close();
}
