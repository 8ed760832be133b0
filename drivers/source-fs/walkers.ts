import type {Worker} from 'node:worker_threads';
import type {WatchedDirectory} from './directory-reader.ts';
import type {OpenThread} from './inotify.ts';
import type {WalkAnswer, WalkerData, WalkFound, WalkJob} from './serve-walks.ts';
import {endThread} from './threads.ts';

/** Directories in one message: enough to make a message cheap, few enough that a new directory does not wait behind many. */
const jobsPerMessage = 16;
/** Messages that a thread has at once: one to read, one to begin with when it is done. */
const messagesPerThread = 2;

export type Walk = {
  /** Asked when the job begins, because the directory may be renamed while it waits. Undefined: it has gone. */
  begin: () => Omit<WalkJob, 'id'> | undefined;
  /** A large directory is watched, and now read. */
  onWatched: (watched: WatchedDirectory) => void;
  /** Called once, with what was found or the name of the error, in the turn in which it arrives. */
  done: (found: WalkFound) => void;
};

/** Threads that read directories. Urgent jobs (new directories, the newest first) overtake those of scans. */
export class Walkers {
  readonly #threads: {worker: Worker; messages: number}[];
  readonly #urgent: Walk[] = [];
  readonly #waiting: Walk[] = [];
  readonly #running = new Map<number, Walk>();
  #nextId = 1;

  constructor(openThread: OpenThread, count: number, data: WalkerData, onFailure: (error: Error) => void) {
    this.#threads = Array.from({length: count}, () => {
      const thread = {worker: openThread('walker', {workerData: data}), messages: 0};
      thread.worker.on('message', (answer: WalkAnswer) => {
        if (!Array.isArray(answer)) return this.#running.get(answer.id)!.onWatched(answer.watched);
        thread.messages--;
        for (const {id, found} of answer) {
          const {done} = this.#running.get(id)!;
          this.#running.delete(id);
          done(found);
        }
        this.#dispatch();
      });
      thread.worker.once('error', onFailure);
      return thread;
    });
  }

  /** Grows with each job that begins. */
  get lastBegun(): number {
    return this.#nextId - 1;
  }

  /** Whether a job that began as number `id` or earlier is still being read. */
  isReadingSince(id: number): boolean {
    // Jobs are kept in the order in which they began.
    const [oldest] = this.#running.keys();
    return oldest !== undefined && oldest <= id;
  }

  walk(walk: Walk, {isUrgent}: {isUrgent: boolean}): void {
    (isUrgent ? this.#urgent : this.#waiting).push(walk);
    if (this.#urgent.length + this.#waiting.length === 1) queueMicrotask(() => this.#dispatch());
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(({worker}) => endThread(worker)));
  }

  #dispatch(): void {
    for (let round = 0; round < messagesPerThread; round++) {
      for (const thread of this.#threads) {
        if (thread.messages > round) continue;
        const jobs = this.#take();
        if (jobs.length === 0) return;
        thread.messages++;
        thread.worker.postMessage(jobs);
      }
    }
  }

  /** Jobs for one message; none only when nothing waits. Those whose directory went while they waited end here. */
  #take(): WalkJob[] {
    const jobs: WalkJob[] = [];
    while (jobs.length < jobsPerMessage) {
      const next = this.#urgent.pop() ?? this.#waiting.shift();
      if (!next) break;
      const begun = next.begin();
      if (begun === undefined) {
        queueMicrotask(() => next.done('ENOENT'));
        continue;
      }
      const id = this.#nextId++;
      this.#running.set(id, next);
      jobs.push({id, ...begun});
    }
    return jobs;
  }
}
