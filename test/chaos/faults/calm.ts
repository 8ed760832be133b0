import {setTimeout as sleep} from 'node:timers/promises';
import type {Fault} from './fault.ts';

/** Nothing, for half a minute: only what goes on without being asked can go wrong. `--faults calm` is a soak test. */
export const calm: Fault = {
  name: 'calm',
  weight: 0,
  async inflict() {
    await sleep(30_000);
  },
};
