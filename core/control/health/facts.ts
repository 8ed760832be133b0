import type {StoredAgent} from '../control-store.ts';
import type {NodeKind} from '../protocol.ts';
import {type ViewReport, viewReports} from './reports.ts';

/** What should be, as far as health compares it with what is. */
export type Desired = {
  /** `signature`: of the manifest that the node should have. */
  agents: {id: string; pipes: {name: string; view: string}[]; signature?: string | undefined}[];
  fusions: {id: string; views: string[]; signature?: string | undefined}[];
  views: {name: string; fusion: string | undefined}[];
};

/** A node as it spoke last. */
export type HeardNode = {stored: StoredAgent; isOnline: boolean};

/** What health is judged by. Times are wall time of the controller in milliseconds since 1970. */
export type Given = {
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

/** Everything at one moment, with what is looked up often. */
export type Facts = Given & {
  nowMs: number;
  /** How long this controller has been running. */
  upMs: number;
  /** By `kind/id`. */
  wanted: ReadonlyMap<string, WantedNode>;
  /** By `kind/id`. */
  heard: ReadonlyMap<string, HeardNode>;
  /** By fusion. */
  reports: ReadonlyMap<string, ViewReport[]>;
};

export type WantedNode = {kind: NodeKind; id: string; signature?: string | undefined};

export function factsAt(given: Given, {nowMs, upMs}: {nowMs: number; upMs: number}): Facts {
  const {agents = [], fusions = []} = given.desired ?? {};
  const wanted = [
    ...agents.map(({id, signature}) => ({kind: 'agent' as const, id, signature})),
    ...fusions.map(({id, signature}) => ({kind: 'fusion' as const, id, signature})),
  ];
  const heardFusions = given.nodes.filter(({stored}) => stored.kind === 'fusion');
  return {
    ...given,
    nowMs,
    upMs,
    wanted: new Map(wanted.map(node => [nodeName(node), node])),
    heard: new Map(given.nodes.map(node => [nodeName(node.stored), node])),
    reports: new Map(heardFusions.map(({stored}) => [stored.id, viewReports(stored)])),
  };
}

export function nodeName({kind, id}: {kind: NodeKind; id: string}): string {
  return `${kind}/${id}`;
}

/** Whether the configuration names it; everything is wanted where there is none. */
export function isWanted({desired, wanted}: Facts, node: {kind: NodeKind; id: string}): boolean {
  return desired === undefined || wanted.has(nodeName(node));
}
