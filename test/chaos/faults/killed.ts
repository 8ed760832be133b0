import type {Kind} from '../site/census.ts';
import type {Fault} from './fault.ts';

/** `kill -9` of one process of a kind. */
export function killed(kind: Kind, weight: number): Fault {
  return {
    name: `kill-${kind}`,
    weight,
    keepsSession: kind !== 'payload',
    async inflict(scene) {
      const victim = await scene.any(kind);
      scene.kill(victim);
      await scene.gone([victim]);
    },
  };
}
