import {fileURLToPath} from 'node:url';
import {Worker} from 'node:worker_threads';
import type {SourceConfig} from '../../core/config/schema.ts';
import type {Log} from '../../core/log/log.ts';
import type {Source} from '../../core/source/source.ts';
import {createFsSource} from './create-fs-source.ts';
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
    watcher: 'inotify' as const,
  };
  return createFsSource({name: 's', driver: 'fs', path, ...defaults, ...settings}, {openThread, log, ...parts});
}
