import type {MessagePort} from 'node:worker_threads';
import type {Path} from '../../core/entry/path.ts';
import {
  type DirectoryCheck,
  DirectoryReader,
  type DirectoryReading,
  type WatchedDirectory,
} from './directory-reader.ts';
import {createExclude} from './exclude.ts';
import type {Libc} from './libc.ts';

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

/** The work of one thread: reads the directories that it is told to, one after another. */
export function serveWalks(port: MessagePort, {root, exclude, inotify}: WalkerData, libc: Libc): void {
  const reader = new DirectoryReader(libc, {root, exclude: createExclude(exclude), inotify});
  const answer = (message: WalkAnswer, transferred: ArrayBuffer[] = []) => port.postMessage(message, transferred);
  const walk = ({id, path, isCheck, mayWatch}: WalkJob): WalkFound => {
    if (isCheck) return reader.check(path);
    return reader.read(path, {mayWatch, onWatched: watched => answer({id, watched})});
  };
  port.on('message', (jobs: readonly WalkJob[]) => {
    const results: WalkResult[] = jobs.map(job => ({id: job.id, found: walk(job)}));
    const runs = results.flatMap(({found}) => (typeof found === 'object' && 'run' in found ? [found.run.buffer] : []));
    answer(results, runs);
  });
}
