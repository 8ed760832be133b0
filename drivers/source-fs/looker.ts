import type {Worker} from 'node:worker_threads';
import type {Path} from '../../core/entry/path.ts';
import type {OpenThread} from './inotify.ts';
import type {Mount, MountState} from './mount.ts';
import type {FoundRoot, Look, LookAnswer, LookData, LookQuestion} from './serve-looks.ts';
import {endThread} from './threads.ts';

/** Looks that a thread is given at once: an answer that takes long holds up few others. */
const looksMax = 256;

/**
 * Looks at single names, in a thread of its own: a storage that does not answer holds up the look and nothing else. Then
 * a promise stays open until the storage answers again or the looker is closed.
 */
export class Looker {
  readonly #thread: Worker;
  readonly #waiting = new Map<number, (answer: LookAnswer | undefined) => void>();
  #nextId = 1;
  #isClosed = false;

  constructor(openThread: OpenThread, data: LookData, onFailure: (error: Error) => void) {
    this.#thread = openThread('look', {workerData: data});
    this.#thread.on('message', (answer: LookAnswer) => {
      const resolve = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      resolve?.(answer);
    });
    this.#thread.once('error', onFailure);
  }

  /** In the order of the paths; nothing when it is closed meanwhile. */
  async look(paths: readonly Path[], flags: number): Promise<Look[]> {
    const looks: Look[] = [];
    for (let at = 0; at < paths.length; at += looksMax) {
      const answer = await this.#ask({paths: paths.slice(at, at + looksMax), flags});
      if (!answer || !('looks' in answer)) return [];
      looks.push(...answer.looks);
    }
    return looks;
  }

  /** Undefined when it is closed meanwhile. */
  async mountState(mountPoint: string, opened: {opened: Mount; hadEntries: boolean}): Promise<MountState | undefined> {
    const answer = await this.#ask({mountPoint, ...opened});
    return answer && 'state' in answer ? answer.state : undefined;
  }

  /** Or the name of the error. */
  async findRoot(path: string): Promise<FoundRoot | string> {
    const answer = await this.#ask({newRoot: path});
    return answer && 'found' in answer ? answer.found : 'ECANCELED';
  }

  /** Looks that are under way end without a result. */
  close(): Promise<void> {
    this.#isClosed = true;
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
    return endThread(this.#thread);
  }

  #ask(question: Question): Promise<LookAnswer | undefined> {
    if (this.#isClosed) return Promise.resolve(undefined);
    const id = this.#nextId++;
    return new Promise(resolve => {
      this.#waiting.set(id, resolve);
      this.#thread.postMessage({id, ...question} satisfies LookQuestion);
    });
  }
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
type Question = WithoutId<LookQuestion>;
