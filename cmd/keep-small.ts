import {getHeapStatistics} from 'node:v8';
import type {Log} from '../core/log/log.ts';
import {releaseMemory} from './release-memory.ts';
import {systemClock} from './system-clock.ts';

const everyMs = 30_000;
/** A heap is left alone until it has grown by so much: making it small stops everything for some tens of milliseconds. */
const growth = 1.3;

/** Until `signal` aborts: a burst (a fleet that comes back, a scan) leaves much behind that was needed for it only. */
export async function keepSmall(signal: AbortSignal, log: Log): Promise<void> {
  let heapBytes = 0;
  try {
    for (;;) {
      await systemClock.sleep(everyMs, signal);
      if (signal.aborted) return;
      heapBytes = shrinkHeap(heapBytes);
      releaseMemory();
    }
  } catch (error) {
    log.warn({error: String(error)}, 'memory that is free is not given back to this machine');
  }
}

/** Where the program was made with `--expose-gc`. Takes and returns how large the heap was when it was last made small. */
function shrinkHeap(bytes: number): number {
  if (!globalThis.gc || getHeapStatistics().total_heap_size < growth * bytes) return bytes;
  globalThis.gc({type: 'major', flavor: 'last-resort'});
  return getHeapStatistics().total_heap_size;
}
