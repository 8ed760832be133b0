import type {Path} from '../entry/path.ts';
import type {ScanProgress, ScanSource} from '../protocol/events.ts';
import type {Hlc} from '../time/hlc.ts';
import type {TreeRead} from '../tree/tree-store.ts';

/**
 * The scans of a view, as its store keeps them: state `job/{id}` for each. An engine writes them (`core/session/jobs.ts`), a
 * gateway reads them, so they are told also while the engine is away.
 */

export const jobStates = ['queued', 'running', 'done', 'failed'] as const;
export type JobState = (typeof jobStates)[number];

/** Times are wall time of the fusion in milliseconds since 1970; 0 means not yet. */
export type StoredJob = {
  /** The scan's name in the phases that tell of it. */
  id: string;
  source: ScanSource;
  path: Path;
  isRecursive: boolean;
  state: JobState;
  /** Name of the key that asked for it; undefined for what an agent does of its own: snapshot, audit, rescan. */
  requestedBy: string | undefined;
  requestedAt: number;
  startedAt: number;
  endedAt: number;
  /** Who makes it or made it; undefined while it waits. */
  agent: string | undefined;
  session: string | undefined;
  progress: ScanProgress;
  /** Of one that is done: it looked at nothing before the view had processed everything up to then. */
  evidence?: Hlc | undefined;
  /** Why it failed. */
  reason: string | undefined;
};

export const jobStatePrefix = 'job/';

export function readJob(txn: TreeRead, id: string): StoredJob | undefined {
  return txn.state<StoredJob>(jobStatePrefix + id);
}

/** Newest first. There are a few hundred at most. */
export function readJobs(txn: TreeRead): StoredJob[] {
  return [...txn.states<StoredJob>(jobStatePrefix)]
    .map(({value}) => value)
    .sort((a, b) => b.requestedAt - a.requestedAt || (a.id < b.id ? 1 : -1));
}

/** Whether it read everything at and below its path, and skipped nothing. */
export function isFullReading({state, isRecursive, progress}: StoredJob): boolean {
  return state === 'done' && isRecursive && (progress.unchanged ?? 0) === 0;
}
