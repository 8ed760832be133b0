import {parentPort, workerData} from 'node:worker_threads';
import type {Path} from '../../core/entry/path.ts';
import {DirectoryReader, type DirectoryReading} from './directory-reader.ts';
import {createExclude} from './exclude.ts';
import {Libc} from './libc.ts';

/** What `Walkers` hands to a thread, and what passes between them. */
export type WalkerData = {
  /** Descriptor of the source's root; descriptors belong to the process, so threads share it. */
  root: number;
  exclude: readonly string[];
  inotify: {descriptor: number; mask: number} | undefined;
};
export type WalkJob = {id: number; path: Path};
export type WalkResult = {id: number; reading: DirectoryReading | string};

const {root, exclude, inotify} = workerData as WalkerData;
const reader = new DirectoryReader(new Libc(), {root, exclude: createExclude(exclude), inotify});

parentPort!.on('message', (jobs: readonly WalkJob[]) => {
  const results: WalkResult[] = jobs.map(({id, path}) => ({id, reading: reader.read(path)}));
  const runs = results.flatMap(({reading}) => (typeof reading === 'string' ? [] : [reading.run.buffer]));
  parentPort!.postMessage(results, runs);
});
