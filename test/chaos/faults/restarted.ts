import {partsOf, type Role} from '../site/chaos-site.ts';
import type {Fault} from './fault.ts';

/** SIGUSR2: the shell executes itself again and replaces all its parts, one after another. */
export function restarted(role: Role, weight: number): Fault {
  return {
    name: `restart-${role}`,
    weight,
    keepsSession: role === 'fusion',
    inflict: scene => scene.renewed(role, partsOf[role], () => scene.site.services[role].kill('SIGUSR2')),
  };
}
