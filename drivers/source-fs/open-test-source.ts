import {fileURLToPath} from 'node:url';
import {Worker} from 'node:worker_threads';
import type {SourceConfig} from '../../core/config/schema.ts';
import type {Log} from '../../core/log/log.ts';
import type {Source} from '../../core/source/source.ts';
import {createFsSource} from './create-fs-source.ts';
import type {Fault, FaultyData} from './faulty-thread.ts';
import type {FsSourceParts} from './fs-source.ts';
import type {OpenThread} from './inotify.ts';

export const openThread: OpenThread = (name, options) =>
  new Worker(fileURLToPath(new URL(`./${name}-thread.ts`, import.meta.url)), options);

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};

/** A source as programs make it, for tests: from its files, and silent. */
export function openTestSource(
  path: string,
  settings: Partial<SourceConfig> = {},
  parts: Partial<FsSourceParts> = {},
): Source {
  const defaults = {
    exclude: [],
    crossesFileSystems: false,
    maxWatches: undefined,
    walkers: 2,
    nice: 10,
    watcher: 'inotify' as const,
  };
  return createFsSource({name: 's', driver: 'fs', path, ...defaults, ...settings}, {openThread, log, ...parts});
}

/** Threads whose storage gives errors, and what turns these on and off, all at once or one by one. */
export function faultyThreads(faults: readonly Fault[], watchesAllowed = 1e9) {
  const isOn = new Int32Array(new SharedArrayBuffer(4 * (faults.length + 1)));
  const watchesMax = new Int32Array(new SharedArrayBuffer(4)).fill(watchesAllowed);
  const open: OpenThread = (name, options) => {
    if (name === 'inotify') return openThread(name, options);
    const data: FaultyData = {thread: name, faults, isOn, watchesMax};
    const workerData = {...(options.workerData as object), ...data};
    return new Worker(fileURLToPath(new URL('./faulty-thread.ts', import.meta.url)), {...options, workerData});
  };
  return {
    openThread: open,
    watchesMax,
    set(isFaulty: boolean, index?: number) {
      for (const i of index === undefined ? isOn.keys() : [index]) {
        isOn[i] = Number(isFaulty);
        Atomics.notify(isOn, i);
      }
    },
  };
}
