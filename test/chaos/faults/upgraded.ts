import {partsOf, type Role} from '../site/chaos-site.ts';
import type {Fault} from './fault.ts';

/** Another executable takes the place of the running one, and SIGHUP. */
export function upgraded(role: Role, weight: number): Fault {
  return {
    name: `swap-${role}`,
    weight,
    keepsSession: role === 'fusion',
    inflict: scene =>
      scene.renewed(role, partsOf[role], () => {
        scene.site.replaceExecutable(role);
        scene.site.services[role].kill('SIGHUP');
      }),
  };
}
