import {rootPath} from '../entry/path.ts';
import type {FsEvent} from '../protocol/events.ts';
import {type Hlc, shiftHlc} from '../time/hlc.ts';
import type {SessionGap, StoredSession} from '../view/view-status.ts';

/**
 * What the words of a session prove about what it did not tell: that nothing more happened, up to some moment of the view's
 * clock. Always too early rather than too late.
 */

const gapsMax = 8;

/** What a watcher sees is looked at, queued and sent in less. */
export const onItsWayMs = 1_000;

/** Nothing that its watcher had seen by then waits in the pipe: all of it is stored. */
export function atRest(session: StoredSession, until: Hlc): StoredSession {
  return until === 0 ? session : {...session, caughtUpAt: Math.max(session.caughtUpAt ?? 0, until)};
}

/**
 * A watcher's events come in their order, so with the newest all before it are stored; but not what its source still looked at (later
 * than `told`), nor what a later event of the same path made superfluous while it waited. So what has waited for long, in an
 * outage perhaps, proves nothing. `seenAt`: not later than when the newest was seen; `lagMs`: the age of the oldest when it was sent.
 */
export function upToLastEvent(
  session: StoredSession,
  {seenAt, told, lagMs = onItsWayMs}: {seenAt: Hlc; told: Hlc; lagMs: number | undefined},
): StoredSession {
  return lagMs < onItsWayMs ? atRest(session, Math.min(shiftHlc(seenAt, -lagMs), told)) : session;
}

/** Of more gaps than are kept the oldest counts for everything. */
export function withGap(session: StoredSession, gap: SessionGap): StoredSession {
  const gaps = [...(session.recentGaps ?? []), gap];
  const [oldest, ...rest] = gaps.slice(-gapsMax) as [SessionGap, ...SessionGap[]];
  const recentGaps = gaps.length > gapsMax ? [{...oldest, path: rootPath}, ...rest] : gaps;
  return {...session, recentGaps};
}

/** What a scan looked at: its oldest evidence is the moment from which on its reading counts. */
export function withEvidence(session: StoredSession, event: FsEvent): StoredSession {
  if (event.kind !== 'listing' && event.kind !== 'unchanged' && event.kind !== 'unreadable') return session;
  const {source, evidence} = event;
  const isOlder = (scan: StoredSession['scans'][number]) =>
    scan.source === source && (scan.evidence === undefined || evidence < scan.evidence);
  if (!session.scans.some(isOlder)) return session;
  return {...session, scans: session.scans.map(scan => (isOlder(scan) ? {...scan, evidence} : scan))};
}
