import type {StoredAgent} from '../control-store.ts';
import type {NodeKind} from '../protocol.ts';

/** What should be, as far as health compares it with what is. */
export type Desired = {
  /** `signature`: of the manifest that the node should have. */
  agents: {id: string; pipes: {name: string; view: string}[]; signature?: string | undefined}[];
  fusions: {id: string; views: string[]; signature?: string | undefined}[];
  views: {name: string; fusion: string | undefined}[];
};

/** A node as it spoke last. */
export type HeardNode = {stored: StoredAgent; isOnline: boolean};

/** Everything that health is judged by, at one moment. Times are wall time of the controller in milliseconds since 1970. */
export type Facts = {
  nowMs: number;
  /** How long this controller has been running. */
  upMs: number;
  /** Of the controller itself. */
  version: string;
  nodes: HeardNode[];
  /** Undefined: there is no configuration, so nothing is missing and nothing is too much. */
  desired?: Desired | undefined;
  revision?: number | undefined;
  /** Identities that were given out and not revoked. */
  enrolled?: {kind: NodeKind; id: string; at: number}[] | undefined;
  certificates?: {kind: NodeKind; id: string; notBefore: number; notAfter: number}[] | undefined;
  /** Identities that several hosts use. */
  clones?: {kind: NodeKind; id: string; hosts: string[]; since: number}[] | undefined;
  /** `failing`: the last attempts brought nothing; the last good revision is in force. */
  git?: {failing: {reason: string; since: number} | undefined; goodAt: number | undefined} | undefined;
  /** Nodes that should have another manifest, which cannot be made. */
  unmade?: {kind: NodeKind; id: string; reason: string; since: number}[] | undefined;
  pin?: {revision: number; by: string; at: number} | undefined;
  /** Why the controller's own store takes nothing now. */
  storeTrouble?: string | undefined;
};

/** Whether the configuration names it; everything is wanted where there is none. */
export function isWanted({desired}: Facts, {kind, id}: {kind: NodeKind; id: string}): boolean {
  return desired === undefined || wantedNodes(desired, kind).some(node => node.id === id);
}

export function wantedNodes(
  {agents, fusions}: Desired,
  kind: NodeKind,
): {id: string; signature?: string | undefined}[] {
  return kind === 'agent' ? agents : fusions;
}
