import {isBelow, type Path} from '../entry/path.ts';
import {FustorError} from '../errors/fustor-error.ts';
import type {PhaseEvent} from '../protocol/events.ts';
import type {Hlc} from '../time/hlc.ts';
import type {TreeRead, TreeWrite} from '../tree/tree-store.ts';
import {jobStatePrefix, readJob, readJobs, type StoredJob} from '../view/jobs.ts';
import type {StoredSession} from '../view/view-status.ts';

/**
 * Every scan of a view is a job.
 *
 * 1. What somebody asks for is `queued`, told to the leader, and `running` from the leader's first word of it. It goes back to
 *    `queued` when that session ends before it is done, so whoever leads then makes it.
 * 2. What an agent does of its own begins as `running`, and has failed when its session ends before it is done: the next
 *    leader decides itself what it has to scan.
 * 3. A phase counts only from the leader's session, so a late word of an earlier leader does not end a job.
 * 4. What has ended does not change any more; the newest hundred are kept.
 */

const queuedMax = 100;
const endedMax = 100;

type ScanPhase = Extract<PhaseEvent, {scan: string}>;

/** The job for a scan that somebody asks for; the one that waits or runs for the same already. Throws TOO_MANY_JOBS. */
export function requestScan(
  txn: TreeWrite,
  {id, path, isRecursive, key, nowMs}: {id: string; path: Path; isRecursive: boolean; key: string; nowMs: number},
): {job: StoredJob; isNew: boolean} {
  const open = readJobs(txn).filter(job => isOpen(job) && job.requestedBy !== undefined);
  const same = open.find(job => job.path === path && job.isRecursive === isRecursive);
  if (same) return {job: same, isNew: false};
  if (open.filter(({state}) => state === 'queued').length >= queuedMax) {
    throw new FustorError('TOO_MANY_JOBS', `${queuedMax} scans of this view wait already.`, {
      hint: 'Ask again when some of them have been made.',
    });
  }
  const job: StoredJob = {...newJob, id, source: 'on_demand', path, isRecursive, requestedBy: key, requestedAt: nowMs};
  return {job: putJob(txn, job), isNew: true};
}

/**
 * A follower may have missed something: the leader looks. One that runs already may have passed it, one that waits has not;
 * when too many wait, the next audit finds it.
 */
export function requestScanAfterGap(txn: TreeWrite, session: StoredSession, path: Path, nowMs: number): void {
  const queued = readJobs(txn).filter(({state}) => state === 'queued');
  const isCovered = queued.some(job => job.isRecursive && (job.path === path || isBelow(path, job.path)));
  if (isCovered || queued.length >= queuedMax) return;
  const id = `gap-${session.id.slice(-32)}-${session.gaps}`;
  const requestedBy = `a gap of ${session.agent}`;
  putJob(txn, {...newJob, id, source: 'on_demand', path, isRecursive: true, requestedBy, requestedAt: nowMs});
}

/** What the leader should scan, oldest first. */
export function jobsToRun(txn: TreeRead): StoredJob[] {
  return readJobs(txn)
    .filter(({state}) => state === 'queued')
    .reverse();
}

/** What the leader's session says of a scan. */
export function applyScanPhase(
  txn: TreeWrite,
  session: StoredSession,
  event: ScanPhase,
  nowMs: number,
  evidence?: Hlc,
): void {
  const known = readJob(txn, event.scan);
  const job = known ? takenBy(session, known, nowMs) : begunBy(session, event, nowMs);
  if (!job) return;
  switch (event.phase) {
    case 'scan_begin':
      putJob(txn, job);
      return;
    case 'scan_progress': {
      const {directories, entries, unchanged} = event;
      putJob(txn, {...job, progress: {directories, entries, unchanged}});
      return;
    }
    case 'scan_end': {
      const {isComplete, reason = 'the scan was not completed'} = event;
      const end = isComplete ? {state: 'done' as const} : {state: 'failed' as const, reason};
      putJob(txn, {...job, ...end, evidence, endedAt: nowMs});
      forgetEnded(txn);
      return;
    }
    default:
      event satisfies never;
  }
}

/** A session ended: what it had under way is left to others. */
export function releaseJobs(txn: TreeWrite, session: string, nowMs: number): void {
  for (const job of readJobs(txn)) {
    if (job.session === session && job.state === 'running') releaseJob(txn, job, nowMs);
  }
}

export function releaseJob(txn: TreeWrite, job: StoredJob, nowMs: number): void {
  if (job.requestedBy !== undefined) {
    const {progress, startedAt, agent, session, state} = newJob;
    putJob(txn, {...job, progress, startedAt, agent, session, state});
    return;
  }
  const reason = 'the session of its agent ended before it was done';
  putJob(txn, {...job, state: 'failed', reason, endedAt: nowMs});
  forgetEnded(txn);
}

/**
 * The job in the hands of the session that speaks of it, or undefined when it has ended. One that runs is this session's:
 * only the leader is heard here, and what an earlier one ran was given back when its session ended.
 */
function takenBy(session: StoredSession, job: StoredJob, nowMs: number): StoredJob | undefined {
  if (job.state === 'running') return job;
  if (job.state !== 'queued') return undefined;
  return {...job, state: 'running', startedAt: nowMs, agent: session.agent, session: session.id};
}

/** What an agent does of its own. A scan of which only the end is heard was forgotten meanwhile. */
function begunBy(session: StoredSession, event: ScanPhase, nowMs: number): StoredJob | undefined {
  if (event.phase === 'scan_end') return undefined;
  const {source, scan: id, path} = event;
  const job: StoredJob = {...newJob, id, source, path, requestedAt: nowMs, startedAt: nowMs};
  return {...job, state: 'running', agent: session.agent, session: session.id};
}

function isOpen({state}: StoredJob): boolean {
  return state === 'queued' || state === 'running';
}

function putJob(txn: TreeWrite, job: StoredJob): StoredJob {
  txn.putState(jobStatePrefix + job.id, job);
  return job;
}

function forgetEnded(txn: TreeWrite): void {
  const ended = readJobs(txn).filter(job => !isOpen(job));
  ended.sort((a, b) => b.endedAt - a.endedAt);
  for (const {id} of ended.slice(endedMax)) txn.removeState(jobStatePrefix + id);
}

const newJob: Omit<StoredJob, 'id' | 'source' | 'path' | 'requestedAt'> = {
  isRecursive: true,
  state: 'queued',
  requestedBy: undefined,
  startedAt: 0,
  endedAt: 0,
  agent: undefined,
  session: undefined,
  progress: {directories: 0, entries: 0},
  reason: undefined,
};
