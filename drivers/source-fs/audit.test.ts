import {mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, expect, test, vi} from 'vitest';
import type {FsEvent} from '../../core/protocol/events.ts';
import {Observed} from '../../core/source/source.contract.ts';
import {mountBindfs, whyNoBindfs} from '../../test/lib/bindfs.ts';
import {makeTree} from '../../test/lib/make-tree.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import type {FsSourceParts} from './fs-source.ts';
import {faultyThreads, openTestSource} from './open-test-source.ts';

const reason = whyNoBindfs();
if (reason) console.error(`SKIPPED: audits of what another client changes, because ${reason}`);
const testOnMount = test.skipIf(reason !== undefined);

vi.setConfig({testTimeout: 60_000, hookTimeout: 60_000});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/**
 * A storage seen through a mount of its own, so that what is changed in `directory` is another client's work; scanned twice, so
 * that all of it was read long after it had changed last.
 */
async function observe(parts: Partial<FsSourceParts> = {}): Promise<{directory: string; observed: Observed}> {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  const {directory, mount} = await mountBindfs(folder.path);
  cleanups.push(() => mount.remove());
  makeTree(directory, 400);
  for (const name of ['a', 'a/b', 'a/b/c', 'e']) mkdirSync(join(directory, name));
  writeFileSync(join(directory, 'a/b/c/f'), 'one');
  const observed = new Observed(mount.mountPoint, openTestSource(mount.mountPoint, {}, parts));
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  await observed.scan();
  observed.laterMs += 600_000;
  await observed.scan({source: 'audit'});
  observed.scanned.length = 0;
  return {directory, observed};
}

async function audit(
  observed: Observed,
  isFull = false,
): Promise<{listed: string[]; unchanged: number; directories: number}> {
  observed.scanned.length = 0;
  observed.laterMs += 600_000;
  const {unchanged, directories} = await observed.scan({source: 'audit', isFull});
  expect(observed.scanned.filter(({kind}) => kind === 'unchanged')).toHaveLength(unchanged);
  return {listed: observed.scanned.filter(isListing).map(({path}) => path), unchanged, directories};
}

function isListing(event: FsEvent): event is FsEvent & {kind: 'listing'} {
  return event.kind === 'listing';
}

testOnMount('an audit of what has not changed lists nothing', async () => {
  const {observed} = await observe();
  const {listed, unchanged, directories} = await audit(observed);
  expect({listed, unchanged}).toEqual({listed: [], unchanged: directories});
  expect(directories).toBe(observed.source.status().known);
});

testOnMount(
  'an audit lists exactly the directories in which another client made, removed or renamed something',
  async () => {
    const {directory, observed} = await observe();
    writeFileSync(join(directory, 'a/b/new'), 'x');
    expect((await audit(observed)).listed).toEqual(['/a/b']);
    renameSync(join(directory, 'a/b/new'), join(directory, 'a/b/c/moved'));
    expect((await audit(observed)).listed.sort()).toEqual(['/a/b', '/a/b/c']);
    rmSync(join(directory, 'a/b/c/moved'));
    expect((await audit(observed)).listed).toEqual(['/a/b/c']);
    expect((await audit(observed)).listed).toEqual([]);
    await observed.expectSame();
  },
);

testOnMount('an audit finds a directory that another client moved, with all below it', async () => {
  const {directory, observed} = await observe();
  renameSync(join(directory, 'a/b'), join(directory, 'e/b'));
  const {listed} = await audit(observed);
  expect(listed).toEqual(expect.arrayContaining(['/a', '/e', '/e/b', '/e/b/c']));
  await observed.expectSame();
  expect((await audit(observed)).listed).toEqual([]);
});

testOnMount(
  'an audit ends when a directory that another client replaced is read, however long that takes',
  async () => {
    const {openThread, set} = faultyThreads([{call: 'hang', path: '/e', error: ''}]);
    const {directory, observed} = await observe({openThread});
    rmSync(join(directory, 'e'), {recursive: true});
    mkdirSync(join(directory, 'e'));
    writeFileSync(join(directory, 'e/after'), 'x');
    set(true);
    let hasEnded = false;
    const ending = audit(observed).finally(() => (hasEnded = true));
    await new Promise(resolve => setTimeout(resolve, 5_000));
    expect(hasEnded).toBe(false);
    set(false);
    await ending;
    expect(observed.lines().flatMap(line => line.match(/^\/e[^|]*/) ?? [])).toEqual(['/e/after', '/e']);
    await observed.expectSame();
  },
);

testOnMount(
  'a write in place that leaves the size is passed over by an audit that skips, and found by a full one',
  async () => {
    const {directory, observed} = await observe();
    const file = openSync(join(directory, 'a/b/c/f'), 'r+');
    writeSync(file, 'two', 0);
    expect((await audit(observed)).listed).toEqual([]);
    await expect(observed.expectSame()).rejects.toThrow();
    const {listed, unchanged} = await audit(observed, true);
    expect({listed: listed.length, unchanged}).toEqual({listed: observed.source.status().known, unchanged: 0});
    await observed.expectSame();
  },
);

test('what changed within two seconds before it was read is read again, because its times may not tell of what came after', async () => {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  for (const name of ['a', 'a/b', 'a/b/c']) mkdirSync(join(folder.path, name));
  const observed = new Observed(folder.path, openTestSource(folder.path));
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  await observed.scan();
  const at = performance.now();
  const {unchanged, directories} = await observed.scan({source: 'audit', isFull: false});
  expect({unchanged, directories, isSoon: performance.now() - at < 1_900}).toEqual({
    unchanged: 0,
    directories: 4,
    isSoon: true,
  });
  observed.laterMs += 2_100;
  expect((await observed.scan({source: 'audit', isFull: false})).unchanged).toBe(0);
  expect((await observed.scan({source: 'audit', isFull: false})).unchanged).toBe(4);
});

test('what was read and never offered, because the scan was stopped, is read by the next audit', async () => {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  makeTree(folder.path, 2_000);
  const observed = new Observed(folder.path, openTestSource(folder.path));
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  observed.laterMs += 600_000;
  const stop = new AbortController();
  const {isComplete} = await observed.scan({signal: stop.signal, onProgress: () => stop.abort()});
  expect(isComplete).toBe(false);
  observed.laterMs += 600_000;
  const {unchanged} = await observed.scan({source: 'audit', isFull: false});
  await observed.expectSame();
  observed.laterMs += 600_000;
  const last = await observed.scan({source: 'audit', isFull: false});
  expect(last.unchanged).toBe(last.directories);
  expect(unchanged).toBeLessThan(last.unchanged);
});
