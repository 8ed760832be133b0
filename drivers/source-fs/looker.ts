import type {Worker} from 'node:worker_threads';
import type {Path} from '../../core/entry/path.ts';
import type {OpenThread} from './inotify.ts';
import type {Mount, MountState} from './mount.ts';
import type {Look, LookAnswer, LookData, LookQuestion} from './serve-looks.ts';

/**
 * Looks at single names, in a thread of its own: a storage that does not answer holds up the look and nothing else. Then
 * a promise stays open until the storage answers again or the looker is closed.
 */
export class Looker {
  readonly #thread: Worker;
  readonly #waiting = new Map<number, (answer: LookAnswer) => void>();
  #nextId = 1;

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
    if (paths.length === 0) return [];
    const answer = await this.#ask(id => ({id, paths, flags}));
    return 'looks' in answer ? answer.looks : [];
  }

  async mountState(mountPoint: string, opened: {opened: Mount; hadEntries: boolean}): Promise<MountState> {
    const answer = await this.#ask(id => ({id, mountPoint, ...opened}));
    return 'state' in answer ? answer.state : {is: 'same'};
  }

  /** Looks that are under way end without a result. */
  close(): Promise<unknown> {
    const terminated = this.#thread.terminate();
    for (const [id, resolve] of this.#waiting) resolve({id, looks: []});
    this.#waiting.clear();
    return terminated;
  }

  #ask(question: (id: number) => LookQuestion): Promise<LookAnswer> {
    const id = this.#nextId++;
    return new Promise(resolve => {
      this.#waiting.set(id, resolve);
      this.#thread.postMessage(question(id));
    });
  }
}
