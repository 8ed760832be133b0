import type {Log} from '../log/log.ts';
import {type Backoff, backoffMs} from '../pipe/backoff.ts';
import type {Clock} from '../time/clock.ts';

/** How a process ended: one of the two is set. */
export type Exit = {code: number | null; signal: string | null};

export interface Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Asks it to end by itself (SIGTERM). */
  terminate(): void;
  /** Ends it (SIGKILL). */
  kill(): void;
}

export type Part = {
  name: string;
  start(): Promise<Child>;
  /** Exit codes that say that another start cannot help until somebody changes something. */
  isFatal?(exit: Exit): boolean;
};

export type SupervisorParts = {clock: Clock; random: () => number; log: Log};

const restart: Backoff = {minMs: 500, maxMs: 60_000};
/** A part that ran this long did not die at its start: the next death begins with a short pause again. */
const settledMs = 60_000;
/** How long a part may take to end by itself. */
const graceMs = 10_000;

/**
 * Keeps a part running: started again whenever it ends, after a pause with jitter that grows while it dies young. Resolves
 * when `signal` aborts and the part has ended; resolves to its exit when that was fatal.
 */
export async function supervise(part: Part, signal: AbortSignal, parts: SupervisorParts): Promise<Exit | undefined> {
  const {clock, random, log} = parts;
  for (let attempt = 0; !signal.aborted; attempt++) {
    const startedAt = clock.monotonic();
    const child = await part.start();
    log.debug({part: part.name, child: child.pid}, 'started');
    const exit = await untilExit(child, signal, parts);
    if (signal.aborted) return undefined;
    const uptimeMs = Math.round(clock.monotonic() - startedAt);
    if (part.isFatal?.(exit)) return exit;
    if (uptimeMs >= settledMs) attempt = 0;
    const pauseMs = backoffMs(restart, attempt, random());
    log.error({part: part.name, child: child.pid, ...exit, uptimeMs, pauseMs}, 'a part ended and is started again');
    await clock.sleep(pauseMs, signal);
  }
  return undefined;
}

async function untilExit(child: Child, signal: AbortSignal, {clock, log}: SupervisorParts): Promise<Exit> {
  const stop = () => child.terminate();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, {once: true});
  const exited = new AbortController();
  const killed = (async () => {
    await new Promise<void>(resolve => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), {once: true, signal: exited.signal});
      exited.signal.addEventListener('abort', () => resolve(), {once: true});
    });
    await clock.sleep(graceMs, exited.signal);
    if (exited.signal.aborted) return;
    log.warn({child: child.pid, graceMs}, 'a part did not end in time and is killed');
    child.kill();
  })();
  const exit = await child.exited;
  exited.abort();
  signal.removeEventListener('abort', stop);
  await killed;
  return exit;
}
