import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Worker} from 'node:worker_threads';
import {afterEach, expect, test} from 'vitest';
import {Observed} from '../../core/source/source.contract.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {inotifyBits, type OpenThread} from './inotify.ts';
import {faultyThreads, openTestSource} from './open-test-source.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Of file systems that count characters, as CIFS and exFAT: the names that end with `~` have 765 bytes. */
async function observe({exclude = [] as string[]} = {}) {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  mkdirSync(join(folder.path, 'd/below'), {recursive: true});
  for (const name of ['d/a~', 'd/f', 'd/z']) writeFileSync(join(folder.path, name), 'x');
  const {openThread, set} = faultyThreads([
    {call: 'longNames', path: '/d', error: 'ENAMETOOLONG'},
    {call: 'longNames', path: '/', error: 'ENAMETOOLONG'},
  ]);
  set(true);
  const watchers: Worker[] = [];
  const open: OpenThread = (name, options) => {
    const worker = openThread(name, options);
    if (name === 'inotify') watchers.push(worker);
    return worker;
  };
  const observed = new Observed(folder.path, openTestSource(folder.path, {exclude}, {openThread: open}));
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  return {observed, watcher: watchers[0]!};
}

const unreadable = (path: string) => expect.objectContaining({kind: 'unreadable', path, error: 'ENAMETOOLONG'});

test('a directory with a name that is too long is told with all its other names, and as not complete, by each scan', async () => {
  const {observed} = await observe();
  for (const isFull of [true, false]) {
    observed.scanned.length = 0;
    expect(await observed.scan({source: 'audit', isFull})).toMatchObject({isComplete: false, unreadable: 1});
    const ofDirectory = observed.scanned.filter(told => told.kind !== 'phase' && 'path' in told && told.path === '/d');
    expect(ofDirectory).toEqual([expect.objectContaining({kind: 'listing'}), unreadable('/d')]);
    const paths = observed.lines().map(line => line.split('|')[0]);
    expect(paths.sort()).toEqual(['/', '/d', '/d/below', '/d/f', '/d/z']);
  }
  rmSync(join(observed.directory, 'd/a~'));
  expect(await observed.scan({source: 'audit'})).toMatchObject({isComplete: true, unreadable: 0});
  await observed.expectSame();
});

test('one that is excluded leaves nothing open', async () => {
  const {observed} = await observe({exclude: ['**/*~']});
  expect(await observed.scan()).toMatchObject({isComplete: true, unreadable: 0});
});

test('events of names that are too long tell nothing of them, only that their directory is not complete any more', async () => {
  const {observed, watcher} = await observe();
  await observed.scan();
  writeFileSync(join(observed.directory, 'g~'), 'x');
  writeFileSync(join(observed.directory, 'h'), 'x');
  await observed.source.settle();
  observed.told.length = 0;
  const rootWatch = 1;
  const long = '~'.repeat(765);
  const bytes = Buffer.concat([
    event(rootWatch, inotifyBits.movedFrom, long),
    event(rootWatch, inotifyBits.movedTo, 'h'),
    event(rootWatch, inotifyBits.create, long),
    event(rootWatch, inotifyBits.delete, long),
  ]);
  watcher.emit('message', {bytes: new Uint8Array(bytes)});
  await observed.source.settle();
  expect(JSON.stringify(observed.told)).not.toContain('~~');
  expect(observed.told).toContainEqual(unreadable('/'));
});

/** `struct inotify_event`. */
function event(watch: number, mask: number, name: string): Buffer {
  const head = Buffer.alloc(16);
  head.writeInt32LE(watch, 0);
  head.writeUInt32LE(mask, 4);
  head.writeUInt32LE(7, 8);
  const padded = Buffer.alloc((name.length + 16) & ~15);
  padded.write(name, 'latin1');
  head.writeUInt32LE(padded.length, 12);
  return Buffer.concat([head, padded]);
}
