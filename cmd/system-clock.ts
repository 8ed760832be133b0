import {setTimeout as delay} from 'node:timers/promises';
import type {Clock} from '../core/time/clock.ts';

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal ? {signal} : {}).catch(() => undefined),
};
