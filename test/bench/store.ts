import {statSync} from 'node:fs';
import {join} from 'node:path';
import {type ByteString, fromText} from '../../core/entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kinds, newEntryFrom} from '../../core/entry/entry.ts';
import {PackedCursor, packRun} from '../../core/entry/packed.ts';
import {rootDirectory, type TreeWrite, verdicts} from '../../core/tree/tree-store.ts';
import {openTreeStore} from '../../store/tree-store.ts';
import {temporaryFolder} from '../lib/temporary-folder.ts';

/**
 * What the store costs, on its own: `node --disable-warning=ExperimentalWarning test/bench/store.ts [entries]`.
 * Every figure includes its durable commits. Set TMPDIR to the disk that is meant.
 */
const entryCount = Number(process.argv[2] ?? 1_000_000);
const filesPerDirectory = 80;
const directoriesPerDirectory = 9;
const directoriesPerCommit = 50;
const everything = {after: undefined, until: undefined};

const folder = temporaryFolder('fustor-bench-');
const store = await openTreeStore(folder.path);
const rows: [what: string, figure: string][] = [];

// ── A first snapshot: listings in the order of a walk, each directory's entries as one run

type Listed = {number: DirectoryNumber; run: Uint8Array};
const directories: Listed[] = [];
let listed = 0;
const snapshotSeconds = await timed(async spent => {
  let queue: DirectoryNumber[] = [rootDirectory];
  while (queue.length > 0 && listed < entryCount) {
    const batch = queue.splice(0, directoriesPerCommit).map(number => ({number, run: makeRun(number)}));
    const before = performance.now();
    const found = await store.write(txn => batch.flatMap(one => list(txn, one)));
    spent(performance.now() - before);
    queue = queue.concat(found);
    directories.push(...batch);
  }
});
report('listings into an empty store', `${perSecond(listed, snapshotSeconds)} entries`);
report(
  'memory after it',
  `${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MB (${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} MB heap)`,
);
const {blocks} = statSync(join(folder.path, 'tree.mdb'));
report('on disk', `${((blocks * 512) / listed).toFixed(1)} bytes an entry`);

// ── The same again, nothing changed

for (const [what, verdict] of [
  ['kept', verdicts.keep],
  ['taken', verdicts.take],
] as const) {
  const seconds = await timed(async spent => {
    for (let at = 0; at < directories.length; at += directoriesPerCommit) {
      const before = performance.now();
      await store.write(txn => {
        for (const {number, run} of directories.slice(at, at + directoriesPerCommit))
          txn.merge(number, everything, run, 1, () => verdict);
      });
      spent(performance.now() - before);
    }
  });
  report(`the same listings again, all ${what}`, `${perSecond(listed, seconds)} entries`);
}

// ── Reading all of it

let bytes = 0;
const iterationSeconds = await timed(async spent => {
  const before = performance.now();
  store.read(txn => {
    const cursor = new PackedCursor();
    for (const {number} of directories) {
      for (const run of txn.runs(number)) {
        for (cursor.reset(run); !cursor.isAtEnd; cursor.next()) bytes += cursor.size;
      }
    }
  });
  spent(performance.now() - before);
});
report('iterated', `${perSecond(listed, iterationSeconds)} entries, sizes sum to ${bytes}`);

const lookups = 100_000;
const lookupSeconds = await timed(async spent => {
  const before = performance.now();
  store.read(txn => {
    for (let i = 0; i < lookups; i++) txn.entry(pick(i).number, fileName(i % filesPerDirectory));
  });
  spent(performance.now() - before);
});
report('single entries read', `${perSecond(lookups, lookupSeconds)} entries`);

// ── Realtime: single entries here and there

for (const [perCommit, count] of [
  [1000, 50_000],
  [100, 20_000],
  [1, 1000],
] as const) {
  const seconds = await timed(async spent => {
    for (let at = 0; at < count; at += perCommit) {
      const before = performance.now();
      await store.write(txn => {
        for (let i = at; i < at + perCommit; i++) {
          txn.put(pick(i * 7919 + perCommit).number, {...file(fileName(i % filesPerDirectory), i), realtimeAt: i + 1});
        }
      });
      spent(performance.now() - before);
    }
  });
  report(`random upserts, ${perCommit} a commit`, `${perSecond(count, seconds)} upserts`);
}

// ── One entry of a small and of a huge directory goes

const huge = 1_000_000;
for (const size of [1_000, huge]) {
  const name = fromText(`of-${size}`);
  const parent = await store.write(txn => txn.put(rootDirectory, {...file(name, 1), kind: kinds.directory}).directory);
  for (let at = 0; at < size; at += 10_000) {
    const entries = Array.from({length: Math.min(10_000, size)}, (_, i) => file(longName(at + i), i));
    const range = {after: at === 0 ? undefined : longName(at - 1), until: longName(at + entries.length - 1)};
    await store.write(txn => txn.merge(parent, range, packRun(entries), 1, () => verdicts.take));
  }
  const removals = 200;
  const seconds = await timed(async spent => {
    for (let i = 0; i < removals; i++) {
      const before = performance.now();
      await store.write(txn => txn.remove(parent, longName(Math.floor((i * size) / removals))));
      spent(performance.now() - before);
    }
  });
  report(
    `deletions in a directory of ${size.toLocaleString('en-US')}, 1 a commit`,
    `${((seconds * 1000) / removals).toFixed(2)} ms each`,
  );
  const to = fromText(`moved-${size}`);
  const before = performance.now();
  await store.write(txn => txn.move({directory: rootDirectory, name}, {directory: rootDirectory, name: to}, {}));
  const renamedMs = performance.now() - before;
  report('rename of that directory', `${renamedMs.toFixed(2)} ms`);
}

const width = Math.max(...rows.map(([what]) => what.length));
console.log(`${listed} entries in ${directories.length} directories`);
for (const [what, figure] of rows) console.log(`  ${what.padEnd(width)}  ${figure}`);
await store.close();
folder.remove();

function list(txn: TreeWrite, {number, run}: Listed): DirectoryNumber[] {
  txn.merge(number, everything, run, 1, () => verdicts.take);
  txn.setDirectory(number, {listedAt: 1});
  const found: DirectoryNumber[] = [];
  for (let i = 0; i < directoriesPerDirectory; i++) found.push(txn.entry(number, directoryName(i))!.directory);
  return found;
}

function makeRun(seed: number): Uint8Array {
  const entries: Entry[] = [];
  for (let i = 0; i < directoriesPerDirectory; i++) {
    entries.push({...file(directoryName(i), seed), kind: kinds.directory});
  }
  for (let i = 0; i < filesPerDirectory; i++) entries.push(file(fileName(i), seed + i));
  listed += entries.length;
  return packRun(entries);
}

function file(name: ByteString, seed: number): Entry {
  const time = {seconds: 1_700_000_000 + (seed % 1_000_000), nanos: (seed * 4_000_000) % 1_000_000_000};
  return newEntryFrom(name, {kind: kinds.file, size: seed * 1000, mtime: time, ctime: time});
}

function directoryName(i: number): ByteString {
  return fromText(`directory-${i}`);
}

function fileName(i: number): ByteString {
  return fromText(`sample_${String(i).padStart(5, '0')}.dat`);
}

function longName(i: number): ByteString {
  return fromText(`sample_${String(i).padStart(9, '0')}.dat`);
}

function pick(i: number): Listed {
  return directories[(i * 2_654_435_761) % directories.length]!;
}

/** Adds up the time that the body says it spent on the store. */
async function timed(body: (spent: (ms: number) => void) => Promise<void>): Promise<number> {
  let total = 0;
  await body(ms => {
    total += ms;
  });
  return total / 1000;
}

function perSecond(count: number, seconds: number): string {
  return `${Math.round(count / seconds).toLocaleString('en-US')}/s`;
}

function report(what: string, figure: string): void {
  rows.push([what, figure]);
}
