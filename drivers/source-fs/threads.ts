import type {Worker} from 'node:worker_threads';
import {Libc} from './libc.ts';

/** A thread in a call that the storage does not answer cannot be ended, and is not waited for longer than this. */
const endMs = 3_000;

/** Ends a thread. Resolves also where it hangs: then neither the event loop nor the end of the process waits for it. */
export async function endThread(worker: Worker): Promise<void> {
  const ended = worker.terminate().then(() => true);
  const {promise: isLate, resolve} = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), endMs);
  const isEnded = await Promise.race([ended, isLate]);
  clearTimeout(timer);
  if (isEnded) return;
  worker.unref();
  // Node would wait for the thread. The kernel ends it with the process, whatever it is doing.
  const leave = (code: number) => new Libc().functions._exit(code);
  process.once('exit', leave);
  void ended.then(() => process.off('exit', leave));
}
