import {toText} from '../entry/byte-string.ts';
import {type Path, rootPath} from '../entry/path.ts';
import {FustorError} from '../errors/fustor-error.ts';
import type {FsEvent, PhaseEvent} from '../protocol/events.ts';
import type {OpenSessionRequest, SessionRole} from '../protocol/session.ts';
import type {Hlc} from '../time/hlc.ts';
import type {TreeRead, TreeWrite} from '../tree/tree-store.ts';
import {isFullReading, readJob} from '../view/jobs.ts';
import {
  emptyViewState,
  type SessionScan,
  type StoredSession,
  sessionStatePrefix,
  silentStatePrefix,
  type ViewState,
  viewStateName,
} from '../view/view-status.ts';
import {applyScanPhase, releaseJob, releaseJobs, requestScanAfterGap} from './jobs.ts';
import {electLeader} from './leadership.ts';
import {withEvidence, withGap} from './proof.ts';

/**
 * The sessions of a view, kept in its store: who may speak, up to which batch they were heard, who leads. They change only
 * inside a write transaction, together with what they speak for, so a restart of the engine loses and repeats nothing.
 */

/** A pipe makes three or four scans at a time; more are ends that were lost. */
const scansMax = 32;

export type OpenedSession = {session: StoredSession; isResumed: boolean};

/**
 * Opens the session of a pipe. A pipe has one session at a time: the same start of the same pipe goes on with the session
 * that it has, or with the one that timed out, because what it does not know to be stored it will send again. A new start
 * takes the place of the session and its role, so a restarted leader still leads.
 */
export function openSession(
  txn: TreeWrite,
  request: OpenSessionRequest,
  {id, key, nowMs, now = 0, timeoutMs}: {id: string; key: string; nowMs: number; now?: Hlc; timeoutMs: number},
): OpenedSession {
  const {agent_id: agent, pipe, instance, source} = request;
  const earlier = readSessions(txn).find(session => session.agent === agent && session.pipe === pipe);
  if (earlier?.instance === instance) {
    return {session: putSession(txn, {...earlier, seenAt: nowMs, timeoutMs, key}), isResumed: true};
  }
  if (earlier) removeSession(txn, earlier.id, nowMs);
  const silent = txn.state<StoredSession>(silentName({agent, pipe}));
  txn.removeState(silentName({agent, pipe}));
  const isResumed = silent?.instance === instance;
  const openedAt = earlier?.openedAt ?? nowMs;
  const session: StoredSession = {
    ...(isResumed ? silent : {...emptySession, id, agent, pipe, instance, source}),
    role: earlier?.role ?? 'follower',
    key,
    openedAt,
    seenAt: nowMs,
    timeoutMs,
  };
  putSession(txn, session);
  appointLeader(txn);
  const opened = getSession(txn, session.id);
  // What was done while this pipe was away was not seen by the one that is expected to.
  const hasMissed =
    !isResumed && now > 0 && (opened.role === 'leader' || earlier !== undefined || silent !== undefined);
  if (!hasMissed) return {session: opened, isResumed};
  const gap = {path: rootPath, reason: `${agent} was started`, at: now};
  return {session: putSession(txn, withGap(opened, gap)), isResumed};
}

const emptySession = {
  lastBatch: 0,
  observedUntil: 0,
  queued: 0,
  lagMs: undefined,
  unavailable: undefined,
  coverage: undefined,
  gaps: 0,
  lastGap: undefined,
  scans: [],
} satisfies Partial<StoredSession>;

/** Throws SESSION_UNKNOWN. */
export function getSession(txn: TreeRead, id: string): StoredSession {
  const session = txn.state<StoredSession>(sessionStatePrefix + id);
  if (session) return session;
  throw new FustorError('SESSION_UNKNOWN', `The view has no session ${id}: it ended, timed out or was replaced.`, {
    hint: 'Open a new session.',
  });
}

export function putSession(txn: TreeWrite, session: StoredSession): StoredSession {
  txn.putState(sessionStatePrefix + session.id, session);
  return session;
}

export function endSession(txn: TreeWrite, id: string, nowMs: number): void {
  getSession(txn, id);
  removeSession(txn, id, nowMs);
  appointLeader(txn);
}

/** Ends the sessions that were not heard for too long. Returns them. The same pipe may come back to its session. */
export function endSilentSessions(
  txn: TreeWrite,
  isSilent: (session: StoredSession) => boolean,
  nowMs: number,
): StoredSession[] {
  const silent = readSessions(txn).filter(isSilent);
  for (const session of silent) {
    removeSession(txn, session.id, nowMs);
    txn.putState(silentName(session), {...session, scans: []} satisfies StoredSession);
  }
  if (silent.length > 0) appointLeader(txn);
  return silent;
}

function silentName({agent, pipe}: Pick<StoredSession, 'agent' | 'pipe'>): string {
  return `${silentStatePrefix}${agent}/${pipe}`;
}

/** After a restart of the engine: nobody could be heard meanwhile, so everybody gets a full timeout. Returns all sessions. */
export function graceAll(txn: TreeWrite, nowMs: number): StoredSession[] {
  return readSessions(txn).map(session => putSession(txn, {...session, seenAt: nowMs}));
}

export function readSessions(txn: TreeRead): StoredSession[] {
  return [...txn.states<StoredSession>(sessionStatePrefix)].map(({value}) => value);
}

/** The agent's number in the view, given on its first word. */
export function agentNumber(txn: TreeWrite, agent: string): number {
  const state = readViewState(txn);
  const known = state.agents.indexOf(agent);
  if (known !== -1) return known;
  txn.putState(viewStateName, {...state, agents: [...state.agents, agent]} satisfies ViewState);
  return state.agents.length;
}

export function readViewState(txn: TreeRead): ViewState {
  return txn.state<ViewState>(viewStateName) ?? emptyViewState;
}

/** What the phases of a batch say about the session and, for finished scans, about the view. */
export function applyPhases(
  txn: TreeWrite,
  session: StoredSession,
  {events, ...at}: {events: readonly FsEvent[]} & Moment,
): StoredSession {
  return events.reduce(
    (current, event) => (event.kind === 'phase' ? applyPhase(txn, current, event, at) : withEvidence(current, event)),
    session,
  );
}

/** `nowMs` for people, `now` on the view's clock. */
type Moment = {nowMs: number; now: Hlc};

function applyPhase(txn: TreeWrite, session: StoredSession, event: PhaseEvent, at: Moment): StoredSession {
  const {nowMs} = at;
  // What is left of the scans of a session that does not lead any more.
  if ('scan' in event && session.role !== 'leader') return session;
  switch (event.phase) {
    case 'scan_begin': {
      applyScanPhase(txn, session, event, nowMs);
      const path = toText(event.path).text;
      const scan: SessionScan = {id: event.scan, source: event.source, path, startedAt: nowMs};
      const scans = [...session.scans.filter(({id}) => id !== event.scan), scan];
      for (const {id} of scans.slice(0, -scansMax)) giveUpScan(txn, session, id, nowMs);
      return {...session, scans: scans.slice(-scansMax)};
    }
    case 'scan_progress':
      applyScanPhase(txn, session, event, nowMs);
      return session;
    case 'scan_end': {
      const scan = session.scans.find(({id}) => id === event.scan);
      applyScanPhase(txn, session, event, nowMs, scan?.evidence);
      if (event.isComplete && event.path === '/') putScanCompleted(txn, event.source, nowMs);
      if (event.isComplete) noteReading(txn, event.scan);
      return {...session, scans: session.scans.filter(({id}) => id !== event.scan)};
    }
    case 'gap':
      return noteGap(txn, session, event, at);
    case 'coverage':
      return {...session, coverage: {watched: event.watched, known: event.known}};
    case 'unavailable':
      return {...session, unavailable: event.reason};
    case 'available':
      return {...session, unavailable: undefined};
    default:
      return event satisfies never;
  }
}

/** The session may have missed something there, or what it said of it was lost. */
export function noteGap(
  txn: TreeWrite,
  session: StoredSession,
  {path, reason}: {path: Path; reason: string},
  {nowMs, now}: Moment,
): StoredSession {
  // The leader's own watcher or pipe rescans by itself.
  if (session.role !== 'leader') requestScanAfterGap(txn, session, path, nowMs);
  return {
    ...withGap(session, {path, reason, at: now}),
    gaps: session.gaps + 1,
    lastGap: {path: toText(path).text, reason, at: nowMs},
  };
}

function removeSession(txn: TreeWrite, id: string, nowMs: number): void {
  txn.removeState(sessionStatePrefix + id);
  releaseJobs(txn, id, nowMs);
}

/** Its end was never told. */
function giveUpScan(txn: TreeWrite, {id: session}: StoredSession, scan: string, nowMs: number): void {
  const job = readJob(txn, scan);
  if (job?.session === session && job.state === 'running') releaseJob(txn, job, nowMs);
}

function putScanCompleted(txn: TreeWrite, source: string, nowMs: number): void {
  const state = readViewState(txn);
  if (source === 'snapshot') txn.putState(viewStateName, {...state, snapshotCompletedAt: nowMs} satisfies ViewState);
  if (source === 'audit') txn.putState(viewStateName, {...state, auditCompletedAt: nowMs} satisfies ViewState);
}

/** Of everything, skipping nothing. */
function noteReading(txn: TreeWrite, scan: string): void {
  const job = readJob(txn, scan);
  if (job?.path !== rootPath || !isFullReading(job)) return;
  const state = readViewState(txn);
  const readInFullFrom = Math.max(state.readInFullFrom ?? 0, job.evidence ?? 0);
  txn.putState(viewStateName, {...state, readInFullFrom} satisfies ViewState);
}

function appointLeader(txn: TreeWrite): void {
  const leader = electLeader(readSessions(txn));
  if (leader && leader.role !== 'leader') putSession(txn, {...leader, role: 'leader' satisfies SessionRole});
}
