import {isBelow, type Path, splitPath} from '../entry/path.ts';
import {readClock, readRuns} from '../session/ingest.ts';
import {readSessions} from '../session/session.ts';
import {type Hlc, shiftHlc} from '../time/hlc.ts';
import {countDoubts} from '../tree/doubts.ts';
import {rootDirectory, type TreeRead} from '../tree/tree-store.ts';
import {isFullReading, readJobs} from '../view/jobs.ts';
import {type StoredSession, silentStatePrefix, type ViewStatus} from '../view/view-status.ts';
import {type Found, resolve} from './resolve.ts';
import {type Settled, settledOf, type Watcher} from './settled.ts';
import {whyIncomplete} from './why-incomplete.ts';

/** `askedAt`: when that was asked, on the view's clock, if anybody could tell. */
export type SettledQuery = {path: Path; windowMs: number; askedAt: Hlc | undefined};

/** A host whose agent was not heard for so long is one without an agent. */
const forgottenMs = 86_400_000;

/** What the store knows of how quiet a path is. The same time at any size: nothing is walked. */
export function readSettled(
  txn: TreeRead,
  {path, windowMs, askedAt}: SettledQuery,
  {found, status, suspects}: {found: Found; status: ViewStatus; suspects: number},
): Settled {
  const {sync, state, sessions} = status;
  const forgotten = shiftHlc(readClock(txn), -forgottenMs);
  const silent = [...txn.states<StoredSession>(silentStatePrefix)]
    .map(({value}) => value)
    .filter(({caughtUpAt = 0}) => caughtUpAt > forgotten);
  // Nobody heard them for too long, and the engine has not ended them yet.
  const ending = readSessions(txn).filter(({id}) => !sessions.some(session => session.id === id));
  const watchers = [
    ...sessions.map(session => watcherOf(session, path, false)),
    ...[...ending, ...silent].map(session => watcherOf(session, path, true)),
  ];
  return settledOf({
    windowMs,
    askedAt,
    sync,
    isKnown: found.entry !== undefined,
    incomplete: whyIncomplete(txn, path, found)?.reason,
    suspects,
    doubts: countDoubts(txn),
    changedAt: changedAt(txn, path, found),
    runs: readRuns(txn),
    watchers,
    directories: txn.directory(rootDirectory)!.totals.directories + 1,
    lookedAt: lookedAt(txn, path, state.readInFullFrom),
  });
}

/** Of what is no directory also what scans and deletions changed beside it: for a single entry that is not kept. */
function changedAt(txn: TreeRead, path: Path, {entry, record}: Found): Hlc {
  const totals = record?.totals ?? (entry && resolve(txn, splitPath(path).parent).record?.totals);
  const newest = Math.max(totals?.newestFoundAt ?? 0, (record && totals?.newestRealtimeAt) ?? 0);
  return Math.max(newest, entry?.realtimeAt ?? 0);
}

function watcherOf(session: StoredSession, path: Path, isSilent: boolean): Watcher {
  const {agent, caughtUpAt, unavailable, coverage, recentGaps = []} = session;
  const missed = recentGaps.filter(gap => isRelated(gap.path, path)).map(({at}) => at);
  const missedAt = Math.max(0, ...missed);
  return {agent, caughtUpAt, isSilent, unavailable: isSilent ? undefined : unavailable, coverage, missedAt};
}

function isRelated(a: Path, b: Path): boolean {
  return a === b || isBelow(a, b) || isBelow(b, a);
}

function lookedAt(txn: TreeRead, path: Path, ofEverything: Hlc = 0): Hlc {
  const readings = readJobs(txn).filter(job => isFullReading(job) && (job.path === path || isBelow(path, job.path)));
  return Math.max(ofEverything, ...readings.map(({evidence = 0}) => evidence));
}
