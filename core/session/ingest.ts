import {toBytes} from '../entry/byte-string.ts';
import type {DirectoryNumber} from '../entry/entry.ts';
import {joinPath, type Path, rootPath} from '../entry/path.ts';
import type {Batch} from '../protocol/batch.ts';
import type {SessionProgress, ToldUntil} from '../protocol/session.ts';
import {type Hlc, nextHlc, shiftHlc} from '../time/hlc.ts';
import {emptyStorageClock, type StorageClock} from '../time/storage-clock.ts';
import {type Arbitration, arbitrate, earliest} from '../tree/arbitrate.ts';
import type {EngineRun, TreeSettings} from '../tree/context.ts';
import {doubts} from '../tree/doubts.ts';
import {take} from '../tree/take.ts';
import {forgottenUntil} from '../tree/tombstones.ts';
import {rootDirectory, type TreeRead, type TreeWrite} from '../tree/tree-store.ts';
import {
  type RejectedState,
  readRejected,
  rejectedStateName,
  type StoredSession,
  type ViewState,
  viewStateName,
} from '../view/view-status.ts';
import {atRest, upToLastEvent} from './proof.ts';
import {agentNumber, applyPhases, getSession, noteGap, putSession, readViewState} from './session.ts';

/**
 * A batch and everything that is stored with it: its effects, its number, the clock. A function of the stored state, the
 * batch, and its arrival, so that the same batches build the same store anywhere.
 *
 * Two times come with what arrives. `viewMs` moves the view's clock and is what the rules compare: it only ever goes forward,
 * at the pace of a monotonic clock as long as one engine runs, `run`. `wallMs` is what people read.
 */
export type Arrival = {viewMs: number; wallMs: number; run: EngineRun};

const clockStateName = 'clock';
const storageClockStateName = 'storage-clock';
const reasonCharsMax = 500;

/** Moves the view's clock to its next timestamp. */
export function tick(txn: TreeWrite, viewMs: number): Hlc {
  const now = nextHlc(readClock(txn), viewMs);
  txn.putState(clockStateName, now);
  return now;
}

/**
 * The starts of engines, oldest first, the newest few: in between nobody knows how much time passed, so a length of time on the
 * view's clock counts only what lies within their runs.
 */
const runsStateName = 'engine-runs';
const runsMax = 16;

export function noteRun(txn: TreeWrite, run: EngineRun): void {
  txn.putState(runsStateName, [...readRuns(txn), run].slice(-runsMax));
}

export function readRuns(txn: TreeRead): readonly EngineRun[] {
  return txn.state<EngineRun[]>(runsStateName) ?? [];
}

/** The view's clock stood still for an unknown time, so what it said of the storage's does not hold any more. */
export function forgetStorageClock(txn: TreeWrite): void {
  txn.removeState(storageClockStateName);
}

export function readClock(txn: TreeRead): Hlc {
  return txn.state<Hlc>(clockStateName) ?? 0;
}

export type Ingestion = {session: StoredSession; hasSnapshot: boolean; now: Hlc; arbitration: Arbitration | undefined};

/** A batch whose number was stored before changes nothing. `batch.number` is never more than one ahead. */
export function ingest(
  txn: TreeWrite,
  batch: Batch,
  {arrival: {viewMs, wallMs, run}, settings}: {arrival: Arrival; settings: TreeSettings},
): Ingestion {
  const session = getSession(txn, batch.session);
  const now = tick(txn, viewMs);
  if (batch.number <= session.lastBatch) return finish(txn, session, now, undefined);

  const stored = txn.state<StorageClock>(storageClockStateName) ?? emptyStorageClock;
  const agent = agentNumber(txn, session.agent);
  const arbitration = arbitrate(
    {
      txn,
      settings,
      now,
      agent,
      isOnlyAgent: readViewState(txn).agents.length === 1,
      forgottenUntil: forgottenUntil(txn),
      storageClock: stored,
      sentAt: batch.sentAt,
      heard: batch.heard,
      run,
      observedUntil: session.observedUntil,
    },
    batch.events,
  );
  if (arbitration.storageClock !== stored) txn.putState(storageClockStateName, arbitration.storageClock);
  const saysSomething = batch.events.some(({kind}) => kind !== 'phase');
  if (saysSomething) txn.putState(viewStateName, {...readViewState(txn), lastEventAt: wallMs} satisfies ViewState);

  const spoken = applyPhases(txn, session, {events: batch.events, nowMs: wallMs, now});
  const lagMs = oldestAge(batch);
  const next: StoredSession = {
    ...spoken,
    seenAt: wallMs,
    lastBatch: batch.number,
    observedUntil: arbitration.observedUntil,
    lagMs: lagMs ?? spoken.lagMs,
  };
  const seenAt = Math.min(arbitration.observedUntil, earliest(batch.heard, newestAt(batch), run.since));
  const told = toldAt(batch.toldUntil, {now, run});
  return finish(txn, putSession(txn, upToLastEvent(next, {seenAt, told, lagMs})), now, arbitration);
}

/**
 * A batch that cannot be applied is kept aside, and remembered: the stream goes on behind it. What it said is a gap, until all is
 * read with evidence that is not older than the clock that is returned.
 */
export function skipBatch(
  txn: TreeWrite,
  {session: id, number, reason}: {session: string; number: number; reason: string},
  {viewMs, wallMs}: Arrival,
): Hlc {
  const session = getSession(txn, id);
  const now = tick(txn, viewMs);
  if (number !== session.lastBatch + 1) return now;
  const gap = {path: rootPath, reason: `batch ${number} was rejected`};
  putSession(txn, {...noteGap(txn, session, gap, {nowMs: wallMs, now}), seenAt: wallMs, lastBatch: number});
  const last = {at: wallMs, session: id, agent: session.agent, batch: number, reason: reason.slice(0, reasonCharsMax)};
  txn.putState(rejectedStateName, {count: readRejected(txn).count + 1, last} satisfies RejectedState);
  return now;
}

/** What the pipe is told: its role, the clock as evidence for its next look, and how far it was heard. */
export function progressOf({session, hasSnapshot, now}: Ingestion): Omit<SessionProgress, 'look_at' | 'scans'> {
  return {role: session.role, hlc: now, last_batch: session.lastBatch, has_snapshot: hasSnapshot};
}

/** Where a session stands, when nothing that it says is stored. Throws SESSION_UNKNOWN. */
export function standingOf(txn: TreeRead, id: string): Ingestion {
  return finish(txn, getSession(txn, id), readClock(txn), undefined);
}

export function heartbeat(
  txn: TreeWrite,
  {
    session: id,
    queued,
    toldUntil,
    viewMs,
    wallMs,
    run,
  }: {session: string; queued: number; toldUntil: ToldUntil | undefined} & Arrival,
): Ingestion {
  const now = tick(txn, viewMs);
  const heard = {...getSession(txn, id), seenAt: wallMs, queued};
  const caughtUp = queued === 0 ? atRest(heard, toldAt(toldUntil, {now, run})) : heard;
  return finish(txn, putSession(txn, caughtUp), now, undefined);
}

/** 0 where nothing is known of it. */
function toldAt(told: ToldUntil | undefined, {now, run}: {now: Hlc; run: Arrival['run']}): Hlc {
  return told ? Math.min(now, earliest({hlc: told.hlc, at: 0}, told.ms, run.since)) : 0;
}

/** Paths (base64url of their bytes) for the leader to look at: those in doubt, and suspects that are due within `aheadMs`. */
export function suspectsToLookAt(
  txn: TreeRead,
  {now, aheadMs, limit}: {now: Hlc; aheadMs: number; limit: number},
): string[] {
  const paths = [...take(doubts(txn), limit)].map(path => toBytes(path).toString('base64url'));
  if (paths.length === limit) return paths;
  for (const {directory, name} of txn.suspects(shiftHlc(now, aheadMs))) {
    const parent = txn.entry(directory, name)?.isSuspect ? pathOf(txn, directory) : undefined;
    if (parent === undefined) continue;
    paths.push(toBytes(joinPath(parent, name)).toString('base64url'));
    if (paths.length === limit) break;
  }
  return paths;
}

function pathOf(txn: TreeRead, directory: DirectoryNumber): Path | undefined {
  const names: string[] = [];
  for (let at = directory; at !== rootDirectory; ) {
    const record = txn.directory(at);
    if (!record) return undefined;
    names.push(record.name);
    at = record.parent;
  }
  return names.length === 0 ? rootPath : (`/${names.reverse().join('/')}` as Path);
}

function finish(txn: TreeRead, session: StoredSession, now: Hlc, arbitration: Arbitration | undefined): Ingestion {
  return {session, hasSnapshot: readViewState(txn).snapshotCompletedAt !== 0, now, arbitration};
}

/** When the newest realtime event was observed. */
function newestAt({events}: Batch): number {
  return events.reduce(
    (newest, event) => ('observedAt' in event ? Math.max(newest, event.observedAt) : newest),
    -Infinity,
  );
}

/** Age in milliseconds of the batch's oldest realtime event. */
function oldestAge({sentAt, events}: Batch): number | undefined {
  let oldest: number | undefined;
  for (const event of events) {
    if (!('observedAt' in event)) continue;
    oldest = Math.max(oldest ?? 0, Math.round(sentAt - event.observedAt));
  }
  return oldest;
}
