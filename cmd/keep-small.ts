import type {Log} from '../core/log/log.ts';
import {releaseMemory} from './release-memory.ts';
import {systemClock} from './system-clock.ts';

const everyMs = 30_000;

/** Until `signal` aborts: a burst (a fleet that comes back, a scan) leaves much behind that was needed for it only. */
export async function keepSmall(signal: AbortSignal, log: Log): Promise<void> {
  try {
    for (;;) {
      await systemClock.sleep(everyMs, signal);
      if (signal.aborted) return;
      releaseMemory();
    }
  } catch (error) {
    log.warn({error: String(error)}, 'memory that is free is not given back to this machine');
  }
}
