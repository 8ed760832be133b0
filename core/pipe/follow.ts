import type {Signal} from './signal.ts';

/** Calls for what is raised from now on, one call after another; once for what is raised during a call. Ends when `signal` aborts. */
export async function follow(raised: Signal, call: () => unknown, signal: AbortSignal): Promise<void> {
  let seen = raised.count;
  while (!signal.aborted) {
    await raised.wait(signal, seen);
    if (raised.count === seen) continue;
    seen = raised.count;
    await call();
  }
}
