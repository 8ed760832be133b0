import {fileURLToPath} from 'node:url';
import {Worker} from 'node:worker_threads';
import type {Log} from '../../core/log/log.ts';
import {sourceContract} from '../../core/source/source.contract.ts';
import {createFsSource} from './create-fs-source.ts';
import type {OpenThread} from './inotify.ts';

const openThread: OpenThread = (name, options) =>
  new Worker(fileURLToPath(new URL(`./${name}-thread.ts`, import.meta.url)), options);
const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};

function open(watcher: 'inotify' | 'chokidar') {
  return (path: string) =>
    createFsSource(
      {
        name: 's',
        driver: 'fs',
        path,
        exclude: [],
        crossesFileSystems: false,
        maxWatches: undefined,
        walkers: 2,
        watcher,
      },
      {openThread, log},
    );
}

sourceContract('libc and inotify', open('inotify'), {isExact: true});
sourceContract('Node and chokidar', open('chokidar'), {isExact: false});
