import type {StoredAgent} from '../control-store.ts';
import type {NodeKind, PartConfigReport} from '../protocol.ts';
import {type Facts, nodeName} from './facts.ts';

/**
 * How far a node is with what is wanted of it: the states of its parts, of which the worst counts, and
 *
 * - `refused`: it does not take what it was given
 * - `unmanaged`: nothing is wanted of it here; it has its configuration from a file of its own
 */
export type NodeApply = {
  state: PartConfigReport['state'] | 'refused' | 'unmanaged';
  /** Signature of what is wanted, and of what runs with all its parts. */
  desired: string | null;
  running: string | null;
  /** Why it is not applied, where somebody says it. */
  reason: string | null;
};

export type NodeRow = {
  kind: NodeKind;
  id: string;
  isWanted: boolean;
  state: 'online' | 'silent' | 'never_seen';
  /** Undefined: nothing tells. */
  sinceMs: number | undefined;
  apply: NodeApply;
};

/** Every node that is wanted or was ever heard. */
export function nodeRows({nodes, wanted, heard}: Facts): NodeRow[] {
  const known = nodes.map(({stored, isOnline}): NodeRow => {
    const {kind, id, seenAt, onlineSince} = stored;
    const node = wanted.get(nodeName(stored));
    return {
      kind,
      id,
      isWanted: node !== undefined,
      state: isOnline ? 'online' : 'silent',
      sinceMs: isOnline ? onlineSince : seenAt,
      apply: applyOf(stored, node?.signature),
    };
  });
  const unseen = [...wanted].flatMap(([name, {kind, id, signature}]): NodeRow[] => {
    if (heard.has(name)) return [];
    const apply = {state: 'pending', desired: signature ?? null, running: null, reason: null} as const;
    return [{kind, id, isWanted: true, state: 'never_seen', sinceMs: undefined, apply}];
  });
  return [...known, ...unseen];
}

const worstFirst = ['failed', 'invalid', 'rolled_back', 'pending', 'soaking'] as const;

function applyOf({config}: StoredAgent, signature: string | undefined): NodeApply {
  const desired = signature ?? config.desired ?? null;
  const running = config.running ?? null;
  const parts = config.parts ?? [];
  const worst = worstFirst.find(state => parts.some(part => part.state === state));
  const failed = parts.find(part => part.state === worst)?.last_failed ?? config.last_failed;
  const reason = failed?.reason ?? null;
  if (config.state === 'refused') return {state: 'refused', desired, running, reason};
  if (desired === null && parts.length === 0) return {state: 'unmanaged', desired, running, reason: null};
  if (desired !== (config.desired ?? null)) return {state: 'pending', desired, running, reason: null};
  if (worst !== undefined) return {state: worst, desired, running, reason};
  return {state: desired === running ? 'applied' : 'pending', desired, running, reason: null};
}
