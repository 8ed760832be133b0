import {mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, expect, test, vi} from 'vitest';
import type {FsEvent} from '../../core/protocol/events.ts';
import {Observed} from '../../core/source/source.contract.ts';
import {Prng} from '../../test/lib/prng.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {faultyThreads, openTestSource} from './open-test-source.ts';
import {racyMs} from './stamps.ts';

vi.setConfig({testTimeout: 60_000, hookTimeout: 60_000});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** 500 directories, in 25 of the root; with the root and those, 526. */
const directoryCount = 526;
const maxWatches = 100;

/** A step of the storage's clock (4 ms), so that what changes next is newer. */
function nextTick(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 10));
}

async function observe(): Promise<Observed> {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  for (let i = 0; i < 500; i++) mkdirSync(join(folder.path, `g${i % 25}`, `d${i}`), {recursive: true});
  const observed = new Observed(folder.path, openTestSource(folder.path, {maxWatches}));
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  return observed;
}

function directoryOf(i: number): string {
  return `g${i % 25}/d${i}`;
}

/** Of the changes made by `change` in each directory: those that were told without a scan. */
async function seenLive(observed: Observed, directories: readonly string[]): Promise<string[]> {
  observed.told.length = 0;
  for (const directory of directories) writeFileSync(join(observed.directory, directory, 'live'), 'x');
  await observed.source.settle();
  const paths = new Set(observed.told.filter(isUpsert).map(({path}): string => path));
  return directories.filter(directory => paths.has(`/${directory}/live`));
}

function isCoverage(event: FsEvent): boolean {
  return event.kind === 'phase' && event.phase === 'coverage';
}

function isUpsert(event: FsEvent): event is FsEvent & {kind: 'upsert'} {
  return event.kind === 'upsert';
}

/** Watches that the kernel has, of all inotify instances of this process. */
function watchesInKernel(): number {
  const instances = readdirSync('/proc/self/fd').filter(descriptor => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === 'anon_inode:inotify';
    } catch {
      return false; // the one that the folder was read with
    }
  });
  const lines = instances.flatMap(descriptor => readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1').split('\n'));
  return lines.filter(line => line.startsWith('inotify ')).length;
}

test('with fewer watches than directories, the first scan watches those that changed last', async () => {
  const observed = await observe();
  await nextTick();
  const hot = Array.from({length: 99}, (_, i) => directoryOf(i * 5));
  for (const directory of hot) writeFileSync(join(observed.directory, directory, 'f'), 'x');
  await observed.scan();
  await observed.source.settle();
  expect(observed.source.status()).toMatchObject({watched: maxWatches, known: directoryCount});
  expect(watchesInKernel()).toBe(maxWatches);
  expect(await seenLive(observed, hot)).toEqual(hot);
  expect(observed.told).not.toContainEqual(expect.objectContaining({phase: 'gap'}));
});

test('an audit watches what it finds changed, instead of what changed before', async () => {
  const observed = await observe();
  await new Promise(resolve => setTimeout(resolve, racyMs + 100)); // so that the first audit skips
  writeFileSync(join(observed.directory, 'g0/f'), 'x');
  await observed.scan();
  const random = new Prng(1);
  let before: string[] = [];
  for (let round = 0; round < 5; round++) {
    await nextTick();
    const hot = [...new Set(Array.from({length: 120}, () => directoryOf(random.below(500))))].slice(0, 90);
    for (const directory of hot) mkdirSync(join(observed.directory, directory, `new${round}`));
    // Directories that are hot now, and those in them that were made: not more than the limit.
    for (const directory of hot) rmSync(join(observed.directory, directory, `new${round}`), {recursive: true});
    await observed.source.settle();
    const {unchanged} = await observed.scan({source: 'audit', isFull: false});
    expect(unchanged).toBeGreaterThan(100);
    // What was made and removed is heard of at last, and gives its watch to another directory.
    await until(() => observed.source.status().watched === maxWatches, {what: 'all watches'});
    expect(observed.source.status()).toMatchObject({watched: maxWatches, known: directoryCount});
    expect(watchesInKernel()).toBe(maxWatches);
    expect(await seenLive(observed, hot)).toEqual(hot);
    const isCold = (directory: string) => !hot.includes(directory);
    expect((await seenLive(observed, before.filter(isCold))).length).toBeLessThanOrEqual(10);
    before = hot;
  }
  await observed.scan({source: 'audit', isFull: false});
  await observed.expectSame();
});

test('a full scan of what is watched already keeps the hottest watched, and never has more watches than allowed', async () => {
  const observed = await observe();
  await observed.scan();
  for (let round = 0; round < 3; round++) {
    await nextTick();
    const hot = Array.from({length: 100}, (_, i) => directoryOf((i * 5 + round) % 500));
    for (const directory of hot) writeFileSync(join(observed.directory, directory, `f${round}`), 'x');
    const counts: number[] = [];
    await observed.scan({
      source: 'audit',
      onProgress: ({directories}) => directories % 10 === 0 && counts.push(watchesInKernel()),
    });
    await observed.source.settle();
    expect(Math.max(...counts)).toBeLessThanOrEqual(maxWatches);
    expect(watchesInKernel()).toBe(maxWatches);
    expect(await seenLive(observed, hot)).toEqual(hot);
  }
  await observed.expectSame();
});

test('a new directory is watched, and the one that was quiet for longest is not any more', async () => {
  const observed = await observe();
  await observed.scan();
  mkdirSync(join(observed.directory, 'new'));
  await observed.source.settle();
  const wasSeen = observed.told.some(event => event.kind === 'upsert' && event.path === '/new');
  if (!wasSeen) await observed.scan({source: 'audit'}); // the root had no watch
  await observed.source.settle();
  expect(observed.source.status()).toMatchObject({watched: maxWatches, known: directoryCount + 1});
  await until(() => observed.told.some(isCoverage), {what: 'coverage'});
  expect(observed.told.findLast(isCoverage)).toMatchObject({watched: maxWatches, known: directoryCount + 1});
  expect(await seenLive(observed, ['new'])).toEqual(['new']);
});

test('what was written in a directory just before it lost its watch is told', async () => {
  const observed = await observe();
  await observed.scan();
  await nextTick();
  // More directories than watches change, one after the other: each evicts an older one whose events are still on their way.
  for (let i = 0; i < 500; i++) {
    writeFileSync(join(observed.directory, directoryOf(i), 'f'), 'x');
    if (i % 50 === 49) await observed.scan({source: 'audit', isFull: false});
  }
  await observed.scan({source: 'audit', isFull: false});
  for (let i = 0; i < 500; i += 7)
    renameSync(join(observed.directory, directoryOf(i)), join(observed.directory, `g0/m${i}`));
  await observed.scan({source: 'audit', isFull: false});
  await observed.expectSame();
  expect(observed.source.status()).toMatchObject({watched: maxWatches, known: directoryCount});
});

test('where the kernel allows fewer watches than asked for, the hottest have them, and a later scan tries for more', async () => {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  for (let i = 0; i < 500; i++) mkdirSync(join(folder.path, `g${i % 25}`, `d${i}`), {recursive: true});
  await nextTick();
  const hot = Array.from({length: 60}, (_, i) => directoryOf(i * 7));
  for (const directory of hot) writeFileSync(join(folder.path, directory, 'f'), 'x');
  const threads = faultyThreads([], 80);
  const observed = new Observed(
    folder.path,
    openTestSource(folder.path, {walkers: 1}, {openThread: threads.openThread}),
  );
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  await observed.scan();
  await observed.source.settle();
  expect(observed.source.status()).toMatchObject({watched: 80, known: directoryCount});
  expect(watchesInKernel()).toBe(80);
  expect(await seenLive(observed, hot)).toEqual(hot);
  threads.watchesMax.fill(1e9);
  await observed.scan({source: 'audit'});
  await observed.source.settle();
  expect(observed.source.status()).toMatchObject({watched: directoryCount, known: directoryCount});
  expect(watchesInKernel()).toBe(directoryCount);
  await observed.expectSame();
});
