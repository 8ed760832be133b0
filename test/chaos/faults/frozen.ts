import type {Fault} from './fault.ts';

/** SIGSTOP for 20 s, or until the shell has had enough of it. */
export function frozen(kind: 'engine' | 'payload', weight: number): Fault {
  return {
    name: `stop-${kind}`,
    weight,
    inflict: async scene => scene.freeze(await scene.any(kind), 20_000),
  };
}
