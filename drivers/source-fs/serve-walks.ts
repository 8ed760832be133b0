import {setPriority} from 'node:os';
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
import {type Root, RootDoor, rootLost} from './root-door.ts';

/** What `Walkers` hands to a thread, and what passes between them. */
export type WalkerData = {
  root: Root;
  exclude: readonly string[];
  inotify: {descriptor: number; mask: number};
  nice: number;
};
export type WalkJob = {
  id: number;
  path: Path;
  /** A `check` is of the directory's own attributes; a `watch` sets one, and reads nothing. */
  wanted: 'reading' | 'check' | 'watch';
  /** False where the limit of watches is reached. */
  mayWatch: boolean;
};
/** What was found, or the name of the error. */
export type WalkFound = DirectoryReading | DirectoryCheck | WatchedDirectory | string;
export type WalkResult = {id: number; found: WalkFound};
/** The results of one message, or the watch of a directory whose reading takes long. */
export type WalkAnswer = WalkResult[] | {id: number; watched: WatchedDirectory};

/** The work of one thread: reads the directories that it is told to, one after another. */
export function serveWalks(port: MessagePort, {root, exclude, inotify, nice}: WalkerData, libc: Libc): void {
  setPriority(nice); // to Linux, of the thread that calls
  const reader = new DirectoryReader(libc, {exclude: createExclude(exclude), inotify});
  const door = new RootDoor(libc, root);
  const answer = (message: WalkAnswer, transferred: ArrayBuffer[] = []) => port.postMessage(message, transferred);
  const walk = (descriptor: number, {id, path, wanted, mayWatch}: WalkJob): WalkFound => {
    if (wanted === 'check') return reader.check(descriptor, path);
    if (wanted === 'watch') return reader.watch(descriptor, path);
    return reader.read(descriptor, path, {mayWatch, onWatched: watched => answer({id, watched})});
  };
  port.on('message', (jobs: readonly WalkJob[]) => {
    const results = door.enter(descriptor =>
      jobs.map((job): WalkResult => {
        const found = walk(descriptor, job);
        return {id: job.id, found: typeof found === 'string' ? door.explain(descriptor, found) : found};
      }),
    );
    if (results === rootLost) return answer(jobs.map(({id}) => ({id, found: rootLost})));
    const memory = results.flatMap(({found}) => (isReading(found) ? found.runs.map(({buffer}) => buffer) : []));
    answer(results, memory);
  });
}

function isReading(found: WalkFound): found is DirectoryReading {
  return typeof found === 'object' && 'runs' in found;
}
