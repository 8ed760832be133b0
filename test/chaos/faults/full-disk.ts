import {setTimeout as sleep} from 'node:timers/promises';
import type {Fault} from './fault.ts';

/** Not one byte is free below fusion's data for ten seconds, whatever it frees itself. */
export const fullDisk: Fault = {
  name: 'full-disk',
  weight: 3,
  async inflict({site}) {
    try {
      for (let i = 0; i < 50; i++) {
        site.disk.fill();
        await sleep(200);
      }
    } finally {
      site.disk.free();
    }
  },
};
