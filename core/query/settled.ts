import {onItsWayMs} from '../session/proof.ts';
import {type Hlc, hlcToMs, shiftHlc} from '../time/hlc.ts';
import type {EngineRun} from '../tree/context.ts';
import type {Sync} from '../view/view-status.ts';

/**
 * Whether nothing was written at and below a path for a while, and nothing there is half-written: "is this data set complete?"
 *
 * 1. Only the view's own clock counts, and of it only the time in which an engine ran: no clock of an agent, of the storage or
 *    of this gateway, and no time of a file, is compared with it.
 * 2. The while ends at the moment up to which everybody who watches has told all that he saw (`as_of`), not now: silence of an
 *    agent proves nothing, and time passes only as it is proven to be quiet. That moment may not be longer ago than the while.
 * 3. Whatever is not known counts against it.
 *
 * What a host without an agent writes nobody sees until a scan reads it: `looked_at` says from when the last one is.
 */
export type Quiet = {
  windowMs: number;
  askedAt: Hlc | undefined;
  sync: Sync;
  /** It is in the tree. */
  isKnown: boolean;
  /** Why not everything there is known; undefined where it is. */
  incomplete: string | undefined;
  suspects: number;
  /** Paths of the view that the leader has to look at, because the order of what was seen is not known. */
  doubts: number;
  /** When the newest change there was told; 0: before the newest start of an engine. */
  changedAt: Hlc;
  runs: readonly EngineRun[];
  watchers: readonly Watcher[];
  /** Of the whole view. */
  directories: number;
  /** Evidence of the newest complete reading of all of it; 0: none that is remembered. */
  lookedAt: Hlc;
};

/** An agent that is expected to see what its host writes. */
export type Watcher = {
  agent: string;
  /** All that it saw up to then is stored. */
  caughtUpAt: Hlc | undefined;
  /** It was not heard for too long, and nobody knows what it sees now. */
  isSilent: boolean;
  /** Why it cannot look at its mount now. */
  unavailable: string | undefined;
  /** Directories that it watches, of those that there are; undefined until it has told. */
  coverage: {watched: number; known: number} | undefined;
  /** The newest moment at which it may have missed something there; 0: never. */
  missedAt: Hlc;
};

export const settledCauses = [
  'unreadable',
  'not_fed',
  'missing',
  'unlisted',
  'unavailable',
  'gap',
  'in_doubt',
  'suspects',
  'silent_agent',
  'not_watched',
  'recent_write',
  'not_heard',
] as const;
export type SettledCause = (typeof settledCauses)[number];

/** Times are ISO 8601, null where nothing is known. */
export type Settled = {
  is_settled: boolean;
  for_s: number;
  /** When the last write there was seen, and up to when it is known that there was no other. */
  quiet_since: string | null;
  as_of: string | null;
  /** When it was asked, on the same clock: with an `as_of` that is not before, it was so after the question. */
  asked_at: string | null;
  looked_at: string | null;
  /** Why not. */
  cause?: SettledCause;
  reason?: string;
  /** It cannot be so any earlier, where that can be told. */
  retry_after_s?: number;
};

type Obstacle = Pick<Settled, 'retry_after_s'> & {cause: SettledCause; reason: string};

/** A watcher that knows less of the directories is still finding them. */
const foundPart = 0.9;

export function settledOf(quiet: Quiet): Settled {
  const {windowMs, runs, lookedAt} = quiet;
  const changedAt = quiet.changedAt || (runs.at(-1)?.since ?? 0);
  const weakest = quiet.watchers.map(watcher => proofOf(watcher, quiet)).sort((a, b) => a.until - b.until)[0];
  const asOf = weakest?.until ?? 0;
  const quietMs = ranMs(runs, changedAt, asOf);
  const obstacle = obstacleOf(quiet) ?? shortOf(quiet, {quietMs, changedAt, weakest});
  return {
    is_settled: obstacle === undefined,
    for_s: windowMs / 1_000,
    quiet_since: timeText(changedAt),
    as_of: timeText(asOf),
    asked_at: timeText(quiet.askedAt ?? 0),
    looked_at: timeText(lookedAt),
    ...obstacle,
  };
}

/** Up to when a watcher, or a reading in its place, proves that every change is told. `limit`: why it is no later. */
type Proof = {until: Hlc; agent: string; limit?: {cause: SettledCause; reason: string}};

function proofOf(
  {agent, caughtUpAt = 0, coverage, isSilent}: Watcher,
  {lookedAt, directories}: Pick<Quiet, 'lookedAt' | 'directories'>,
): Proof {
  const told = shiftHlc(caughtUpAt, -onItsWayMs);
  if (isSilent) {
    const reason = `${agent} is not heard any more: what its host writes is known only from scans.`;
    return {until: Math.max(told, lookedAt), agent, limit: {cause: 'silent_agent', reason}};
  }
  const {watched, known} = coverage ?? {watched: 0, known: 0};
  if (watched < Math.max(known, foundPart * directories)) {
    const reason = `${agent} watches ${watched} of ${Math.max(known, directories)} directories: changes in the others are known only from scans.`;
    return {until: lookedAt, agent, limit: {cause: 'not_watched', reason}};
  }
  return {until: told, agent};
}

/** What time alone does not mend; the most serious first. */
function obstacleOf({sync, watchers, lookedAt, ...quiet}: Quiet): Obstacle | undefined {
  if (sync === 'unreadable') return {cause: 'unreadable', reason: 'The store of the view cannot be read now.'};
  if (sync === 'snapshot') return {cause: 'unlisted', reason: 'The first snapshot of the view is not complete yet.'};
  if (sync !== 'live') {
    const heardAt = timeText(Math.max(0, ...watchers.map(({caughtUpAt = 0}) => caughtUpAt)));
    const since = heardAt === null ? '' : ` since ${heardAt}`;
    return {cause: 'not_fed', reason: `No agent feeds the view${since}: that nothing is seen proves nothing.`};
  }
  if (!quiet.isKnown) return {cause: 'missing', reason: 'There is no such path in the view.'};
  if (quiet.incomplete !== undefined) {
    return {cause: 'unlisted', reason: `Not everything there is known: ${quiet.incomplete}.`};
  }
  const away = watchers.find(({unavailable}) => unavailable !== undefined);
  if (away) return {cause: 'unavailable', reason: `${away.agent} cannot look at its mount: ${away.unavailable}.`};
  const gap = watchers.find(({missedAt}) => missedAt > lookedAt);
  if (gap) {
    const missed = `${gap.agent} may have missed writes before ${timeText(gap.missedAt)}`;
    return {cause: 'gap', reason: `${missed}, and not everything has been read again since. ${advice}`};
  }
  if (quiet.doubts > 0) {
    return {
      cause: 'in_doubt',
      reason: `What is true of ${counted(quiet.doubts, 'path')} is in doubt; the leader looks.`,
    };
  }
  if (quiet.suspects > 0) {
    return {cause: 'suspects', reason: `${counted(quiet.suspects, 'file')} may still be being written.`};
  }
  return undefined;
}

/** It has not been quiet for long enough, or not lately enough, as far as that is known. */
function shortOf(
  {windowMs, askedAt, runs}: Quiet,
  {quietMs, changedAt, weakest}: {quietMs: number; changedAt: Hlc; weakest: Proof | undefined},
): Obstacle | undefined {
  const {until = 0, agent = 'nobody', limit} = weakest ?? {};
  const isLong = quietMs >= windowMs && weakest !== undefined;
  // How long it is since something that an earlier engine heard nobody knows.
  const isHeardByThisRun = until >= (runs.at(-1)?.since ?? Number.POSITIVE_INFINITY);
  const isLate = askedAt !== undefined && isHeardByThisRun && ranMs(runs, until, askedAt) <= windowMs;
  if (isLong && isLate) return undefined;
  const untilText = timeText(until);
  if (limit) return {...limit, reason: `${limit.reason} ${untilText ? `Known up to ${untilText}. ` : ''}${advice}`};
  if (isLong) {
    const who = askedAt === undefined ? 'The engine of the view' : agent;
    const reason = `${who} has not answered yet whether anything was written since ${untilText}.`;
    return {cause: 'not_heard', reason, retry_after_s: 1};
  }
  const told = untilText === null ? 'and nobody has told all yet' : `and ${agent} has told all up to ${untilText}`;
  const seconds = `${Math.floor(quietMs / 1_000)} s of ${windowMs / 1_000} s`;
  return {
    cause: 'recent_write',
    reason: `The last write was seen at ${timeText(changedAt)}, ${told}: ${seconds}.`,
    retry_after_s: Math.ceil((windowMs - quietMs) / 100) / 10,
  };
}

/** How long engines ran between two moments; before the oldest start that is known nobody knows. */
function ranMs(runs: readonly EngineRun[], from: Hlc, to: Hlc): number {
  return runs.reduce((sum, {since}, index) => {
    const until = Math.min(to, runs[index + 1]?.before ?? to);
    return sum + Math.max(0, hlcToMs(until) - hlcToMs(Math.max(from, since)));
  }, 0);
}

const advice = 'Have it read with "fustorctl scan PATH", or wait for an audit that reads everything.';

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function timeText(hlc: Hlc): string | null {
  return hlc === 0 ? null : new Date(hlcToMs(hlc)).toISOString();
}
