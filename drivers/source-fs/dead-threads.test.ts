import {mkdirSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Worker} from 'node:worker_threads';
import {afterEach, expect, test} from 'vitest';
import {Observed} from '../../core/source/source.contract.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import type {OpenThread} from './inotify.ts';
import {openTestSource, openThread} from './open-test-source.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** In the order in which they are made. */
const threads = {'the looks at the mount point': 0, 'the readings': 2, 'the looks at names': 3};

function unopened(onOpened = (_worker: Worker, _number: number) => {}) {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  writeFileSync(join(folder.path, 'f'), 'x');
  const workers: Worker[] = [];
  const failures: Error[] = [];
  const open: OpenThread = (name, options) => {
    const worker = openThread(name, options);
    onOpened(worker, workers.push(worker) - 1);
    return worker;
  };
  const parts = {openThread: open, onFailure: (error: Error) => void failures.push(error)};
  const observed = new Observed(folder.path, openTestSource(folder.path, {walkers: 1}, parts));
  cleanups.push(() => observed.source.close());
  return {observed, workers, failures};
}

/** It takes this for a question, and dies of it. */
function kill(worker: Worker): void {
  worker.postMessage(null);
}

for (const [thread, number] of Object.entries(threads)) {
  test(`when the thread of ${thread} dies, the source says so at once and for good, and nothing waits for it`, async () => {
    const {observed, workers, failures} = unopened();
    await observed.source.open(observed.sink);
    await observed.scan();
    kill(workers[number]!);
    await until(() => failures.length > 0, {what: 'the failure'});
    const {isAvailable, reason} = observed.source.status();
    expect({isAvailable, reason}).toEqual({isAvailable: false, reason: expect.stringContaining(failures[0]!.message)});
    await expect(observed.source.settle()).rejects.toThrow(failures[0]!);
    await expect(observed.scan()).rejects.toThrow(failures[0]!);
    await observed.source.close();
    expect(failures).toHaveLength(1);
  });
}

for (const thread of ['the looks at the mount point', 'the readings'] as const) {
  test(`when the thread of ${thread} dies at its start, the source is not opened`, async () => {
    const {observed, failures} = unopened((worker, number) => number === threads[thread] && kill(worker));
    await expect(observed.source.open(observed.sink)).rejects.toThrow(TypeError);
    expect(failures).toHaveLength(1);
  });
}

test('when no thread is to be had for a root that was made again, the source says so for good', async () => {
  let isRefused = false;
  const {observed, failures} = unopened(() => {
    if (isRefused) throw new Error('no thread');
  });
  await observed.source.open(observed.sink);
  await observed.scan();
  isRefused = true;
  renameSync(observed.directory, `${observed.directory}-before`);
  cleanups.push(() => rmSync(`${observed.directory}-before`, {recursive: true}));
  mkdirSync(observed.directory);
  writeFileSync(join(observed.directory, 'g'), 'x');
  await expect(observed.scan()).rejects.toThrow('no thread');
  expect(failures.map(({message}) => message)).toEqual(['no thread']);
});
