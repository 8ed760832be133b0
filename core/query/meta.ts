import type {UnreachedReason} from '../protocol/sync-point.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import {readViewStatus, type Sync, type ViewStatus} from '../view/view-status.ts';
import {readSettled, type SettledQuery} from './read-settled.ts';
import type {Found} from './resolve.ts';
import type {Settled} from './settled.ts';

/** The `meta` of an answer: how fresh and how complete it is. */
export type Meta = {
  view: string;
  /** Number of the tree's last change in the answer; a long answer that began earlier has a lower `seq_from`. */
  seq: number;
  seq_from?: number;
  /** From where `fs/changes` tells what the answer does not have, also of what changed while it was being made. */
  changes_since?: string;
  complete: boolean;
  sync: Sync;
  /** With `unreadable`: why, in one word. */
  problem?: string;
  /** ISO 8601. */
  last_event_at: string | null;
  /** Ids of agents. */
  leader: string | null;
  agents: string[];
  blind_spot: number;
  suspect: number;
  next_cursor?: string | null;
  settled?: Settled;
} & MetaJob;

/** Where a scan of the path was asked for: which job it is, or why it could not be asked for. Where a sync point was: that. */
export type MetaJob = {job?: {id: string; state: string} | null; job_error?: string; sync_point?: MetaSyncPoint};

/** Whether the answer has every change made through the leader's mount before the request; `seq` is not later than the answer's. */
export type MetaSyncPoint =
  | {is_reached: true; seq: number}
  | {is_reached: false; reason: UnreachedReason; message: string};

export function readMeta(
  txn: TreeRead,
  {view, nowMs, settled}: {view: string; nowMs: number; settled?: SettledQuery | undefined},
  found: Found,
  status: ViewStatus = readViewStatus(txn, nowMs),
): Meta {
  const {entry, record, isComplete} = found;
  const {sync, state, leader, sessions} = status;
  const own = entry ? {blindSpots: Number(entry.isBlindSpot), suspects: Number(entry.isSuspect)} : undefined;
  const suspect = (own?.suspects ?? 0) + (record?.totals.suspects ?? 0);
  return {
    view,
    seq: txn.seq(),
    complete: isComplete,
    sync,
    ...(state.unreadable !== undefined && {problem: state.unreadable}),
    last_event_at: isoTime(state.lastEventAt),
    leader: leader?.agent ?? null,
    agents: sessions.map(({agent}) => agent),
    blind_spot: (own?.blindSpots ?? 0) + (record?.totals.blindSpots ?? 0),
    suspect,
    ...(settled && {settled: readSettled(txn, settled, {found, status, suspects: suspect})}),
  };
}

/** Null for 0, which means never. */
export function isoTime(ms: number): string | null {
  return ms === 0 ? null : new Date(ms).toISOString();
}
