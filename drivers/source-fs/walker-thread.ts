import {parentPort, workerData} from 'node:worker_threads';
import type {Path} from '../../core/entry/path.ts';
import {
  type DirectoryCheck,
  DirectoryReader,
  type DirectoryReading,
  type WatchedDirectory,
} from './directory-reader.ts';
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
  /** Only its own attributes are wanted. */
  isCheck: boolean;
  /** False where the limit of watches is reached. */
  mayWatch: boolean;
};
/** What was found, or the name of the error. */
export type WalkFound = DirectoryReading | DirectoryCheck | string;
export type WalkResult = {id: number; found: WalkFound};
/** The results of one message, or the watch of a directory whose reading takes long. */
export type WalkAnswer = WalkResult[] | {id: number; watched: WatchedDirectory};

const {root, exclude, inotify} = workerData as WalkerData;
const reader = new DirectoryReader(new Libc(), {root, exclude: createExclude(exclude), inotify});

parentPort!.on('message', (jobs: readonly WalkJob[]) => {
  const results: WalkResult[] = jobs.map(({id, path, isCheck, mayWatch}) => {
    if (isCheck) return {id, found: reader.check(path)};
    const onWatched = (watched: WatchedDirectory) => answer({id, watched});
    return {id, found: reader.read(path, {mayWatch, onWatched})};
  });
  const runs = results.flatMap(({found}) => (typeof found === 'object' && 'run' in found ? [found.run.buffer] : []));
  answer(results, runs);
});

function answer(message: WalkAnswer, transferred: ArrayBuffer[] = []): void {
  parentPort!.postMessage(message, transferred);
}
