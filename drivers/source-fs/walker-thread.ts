import {parentPort, workerData} from 'node:worker_threads';
import type {Path} from '../../core/entry/path.ts';
import {DirectoryReader, type DirectoryReading, type WatchedDirectory} from './directory-reader.ts';
import {createExclude} from './exclude.ts';
import {Libc} from './libc.ts';

/** What `Walkers` hands to a thread, and what passes between them. */
export type WalkerData = {
  /** Descriptor of the source's root; descriptors belong to the process, so threads share it. */
  root: number;
  exclude: readonly string[];
  inotify: {descriptor: number; mask: number};
};
export type WalkJob = {
  id: number;
  path: Path;
  /** False where the limit of watches is reached. */
  mayWatch: boolean;
};
export type WalkResult = {id: number; reading: DirectoryReading | string};
/** The results of one message, or the watch of a directory whose reading takes long. */
export type WalkAnswer = WalkResult[] | {id: number; watched: WatchedDirectory};

const {root, exclude, inotify} = workerData as WalkerData;
const reader = new DirectoryReader(new Libc(), {root, exclude: createExclude(exclude), inotify});

parentPort!.on('message', (jobs: readonly WalkJob[]) => {
  const results: WalkResult[] = jobs.map(({id, path, mayWatch}) => {
    const onWatched = (watched: WatchedDirectory) => answer({id, watched});
    return {id, reading: reader.read(path, {mayWatch, onWatched})};
  });
  const runs = results.flatMap(({reading}) => (typeof reading === 'string' ? [] : [reading.run.buffer]));
  answer(results, runs);
});

function answer(message: WalkAnswer, transferred: ArrayBuffer[] = []): void {
  parentPort!.postMessage(message, transferred);
}
