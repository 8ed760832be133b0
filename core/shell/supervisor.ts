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
};

export type SupervisorParts = {clock: Clock; random: () => number; log: Log};

const restart: Backoff = {minMs: 500, maxMs: 60_000};
/** A part that ran this long did not die at its start: the next death begins with a short pause again. */
const settledMs = 60_000;
/** How long a part may take to end by itself. */
const graceMs = 10_000;

/**
 * Keeps a part running: started again whenever it ends, or could not be started, after a pause with jitter that grows while it
 * dies young. Resolves when `signal` aborts and the part has ended; never rejects.
 */
export async function supervise(part: Part, signal: AbortSignal, parts: SupervisorParts): Promise<void> {
  const {clock, random, log} = parts;
  for (let attempt = 0; !signal.aborted; attempt++) {
    const startedAt = clock.monotonic();
    const ending = await runOnce(part, signal, parts);
    if (signal.aborted) return;
    const uptimeMs = Math.round(clock.monotonic() - startedAt);
    if (uptimeMs >= settledMs) attempt = 0;
    const pauseMs = backoffMs(restart, attempt, random());
    log.error({part: part.name, ...ending, uptimeMs, pauseMs}, 'a part ended and is started again');
    await clock.sleep(pauseMs, signal);
  }
}

async function runOnce(part: Part, signal: AbortSignal, parts: SupervisorParts): Promise<object> {
  try {
    const child = await part.start();
    parts.log.debug({part: part.name, child: child.pid}, 'started');
    return {child: child.pid, ...(await untilExit(child, signal, parts))};
  } catch (error) {
    return {error: error instanceof Error ? error.message : String(error)};
  }
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
