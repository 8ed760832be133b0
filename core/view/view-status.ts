import type {Path} from '../entry/path.ts';
import type {ScanSource} from '../protocol/events.ts';
import type {SessionRole} from '../protocol/session.ts';
import type {Hlc} from '../time/hlc.ts';
import {type DirectoryRecord, rootDirectory, type TreeRead} from '../tree/tree-store.ts';

/**
 * What an engine stores about the view as a whole, and what a gateway tells of it. A gateway reads only the store, so the
 * answer is the same whether the engine runs or not: an engine that died shows as sessions that were not seen for too long.
 *
 * States of the store: `view`, `rejected`, and `session/{id}` for each session.
 */

/** Times here are wall time of the fusion in milliseconds since 1970; 0 means never. */
export type ViewState = {
  /** When the last batch that said anything about the tree was stored. */
  lastEventAt: number;
  /** When a first snapshot was completed. */
  snapshotCompletedAt: number;
  /** When the last audit was completed. */
  auditCompletedAt: number;
  /** Evidence of the newest complete reading of everything that skipped nothing: it saw what had been done by then. */
  readInFullFrom?: Hlc;
  /** Ids of all agents that ever spoke; an agent's number (`Entry.agent`) is its place in this list. */
  agents: readonly string[];
  /** Never stored: why the store cannot be read, where it stands in for one that cannot. */
  unreadable?: string;
};

export type StoredSession = {
  id: string;
  role: SessionRole;
  agent: string;
  pipe: string;
  /** Which start of the pipe it is. */
  instance: string;
  /** Path of the source on the agent's host. */
  source: string | undefined;
  /** Name of the key that opened it. */
  key: string;
  openedAt: number;
  /** The last heartbeat or batch. */
  seenAt: number;
  timeoutMs: number;
  /** Number of the last batch that is stored. */
  lastBatch: number;
  /** Observation (`to`) of the newest realtime event told so far, on the view's clock. */
  observedUntil: Hlc;
  /** What its watcher saw up to then is stored: on the view's clock; undefined while that is not known. */
  caughtUpAt?: Hlc | undefined;
  /** Realtime events that were not confirmed when it was last heard. */
  queued: number;
  /** Milliseconds between observation and commit of the last realtime event; undefined before the first. */
  lagMs: number | undefined;
  /** Why the source cannot be looked at now, or undefined. */
  unavailable: string | undefined;
  /** Directories that are watched, and known, when it was last told. */
  coverage: {watched: number; known: number} | undefined;
  /** Times that the watcher may have missed something, and the last of them. */
  gaps: number;
  lastGap: {path: string; reason: string; at: number} | undefined;
  /** The newest of them on the view's clock, oldest first: what a reading with later evidence has made good. */
  recentGaps?: readonly SessionGap[];
  /** Scans that have begun and not ended. */
  scans: readonly SessionScan[];
};

/** `evidence`: the oldest of all that was told of the scan so far. */
export type SessionScan = {
  id: string;
  source: ScanSource;
  path: string;
  startedAt: number;
  evidence?: Hlc | undefined;
};

export type SessionGap = {path: Path; reason: string; at: Hlc};

/** Batches that could not be applied; they are kept in the view's folder `rejected`, the newest hundred. */
export type RejectedState = {
  count: number;
  /** `at` is wall time of the fusion in milliseconds since 1970. */
  last: {at: number; session: string; agent: string; batch: number; reason: string} | undefined;
};

export const viewStateName = 'view';
export const rejectedStateName = 'rejected';
export const sessionStatePrefix = 'session/';
/** Sessions that timed out, until their pipes come back. */
export const silentStatePrefix = 'silent/';

export const emptyViewState: ViewState = {lastEventAt: 0, snapshotCompletedAt: 0, auditCompletedAt: 0, agents: []};

export function readRejected(txn: TreeRead): RejectedState {
  return txn.state<RejectedState>(rejectedStateName) ?? {count: 0, last: undefined};
}

/**
 * How the tree stands to the storage. `empty`: nothing has been reported yet. `snapshot`: a leader is there, and the first
 * full reading is not finished. `live`: it is, and a leader goes on watching. `stale`: nobody watches now; what is known is
 * as old as `last_event_at`. `unreadable`: the store is there and cannot be read now, so nothing can be told of the tree.
 */
export const syncs = ['empty', 'snapshot', 'live', 'stale', 'unreadable'] as const;
export type Sync = (typeof syncs)[number];

export type ViewStatus = {
  sync: Sync;
  state: ViewState;
  leader: StoredSession | undefined;
  sessions: StoredSession[];
  /** When, if nobody writes anything until then, a session times out. */
  until: number;
};

/** `nowMs` is the fusion's wall time. Sessions not seen for longer than their timeout are left out, oldest session first. */
export function readViewStatus(txn: TreeRead, nowMs: number): ViewStatus {
  const state = txn.state<ViewState>(viewStateName) ?? emptyViewState;
  const sessions = [...txn.states<StoredSession>(sessionStatePrefix)]
    .map(({value}) => value)
    .filter(({seenAt, timeoutMs}) => nowMs - seenAt <= timeoutMs)
    .sort((a, b) => a.openedAt - b.openedAt);
  const leader = sessions.find(({role}) => role === 'leader');
  const until = Math.min(...sessions.map(({seenAt, timeoutMs}) => seenAt + timeoutMs));
  return {sync: syncOf(txn.directory(rootDirectory), state, leader), state, leader, sessions, until};
}

function syncOf(
  root: Readonly<DirectoryRecord> | undefined,
  state: ViewState,
  leader: StoredSession | undefined,
): Sync {
  if (state.unreadable !== undefined) return 'unreadable';
  const isKnown = state.lastEventAt !== 0 || (root !== undefined && root.listedAt !== 0);
  if (leader?.unavailable === undefined && leader !== undefined)
    return state.snapshotCompletedAt === 0 ? 'snapshot' : 'live';
  return isKnown ? 'stale' : 'empty';
}
