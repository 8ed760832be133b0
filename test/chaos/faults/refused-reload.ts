import {setTimeout as sleep} from 'node:timers/promises';
import type {Fault} from './fault.ts';

/** A configuration with a mistake, and SIGHUP: nothing changes. */
export const refusedReload: Fault = {
  name: 'refused-reload',
  weight: 1,
  keepsSession: true,
  async inflict({site}) {
    const before = site.processes();
    for (const role of ['agent', 'fusion'] as const) {
      site.writeConfig(role, {nonsense: true});
      site.services[role].kill('SIGHUP');
    }
    await sleep(2_000); // nothing is to happen, and that has no sign
    const left = new Set(site.processes().map(({pid}) => pid));
    const ended = before.filter(({pid}) => !left.has(pid));
    for (const role of ['agent', 'fusion'] as const) site.writeConfig(role);
    if (ended.length === 0) return;
    throw new Error(`an invalid file ended ${ended.map(({kind, pid}) => `${kind} ${pid}`).join(', ')}`);
  },
};
