import type {Facts} from './facts.ts';
import type {SessionReport, ViewReport} from './reports.ts';

export type ViewRow = {
  view: string;
  fusion: string | null;
  isWanted: boolean;
  /** `sync` of its fusion; `silent`, `never_seen`: the fusion is; `not_served`: it tells of others only; `unknown`: it tells of none. */
  state: string;
  report: ViewReport | undefined;
  /** Of its leader: how much of it is watched. */
  coverage: {watched: number; known: number} | null;
};

/** Every view that is wanted, or of which a fusion tells. */
export function viewRows({nodes, desired, heard, reports}: Facts): ViewRow[] {
  const rows = new Map<string, ViewRow>();
  for (const {name: view, fusion = null} of desired?.views ?? []) {
    const node = heard.get(`fusion/${fusion}`);
    const state = node ? (node.stored.views ? 'not_served' : 'unknown') : 'never_seen';
    rows.set(view, {view, fusion, isWanted: true, state, report: undefined, coverage: null});
  }
  for (const {stored, isOnline} of nodes) {
    for (const report of (stored.kind === 'fusion' && reports.get(stored.id)) || []) {
      const {view} = report;
      const isWanted = rows.get(view)?.isWanted ?? false;
      const state = isOnline ? (report.sync ?? 'unknown') : 'silent';
      rows.set(view, {view, fusion: stored.id, isWanted, state, report, coverage: coverageOf(report)});
    }
  }
  return [...rows.values()].sort((a, b) => (a.view < b.view ? -1 : 1));
}

function coverageOf({sessions}: ViewReport): ViewRow['coverage'] {
  const leader = sessions.find(({role}) => role === 'leader');
  if (typeof leader?.watched !== 'number' || typeof leader.known !== 'number') return null;
  return {watched: leader.watched, known: leader.known};
}

export type SessionRow = {
  view: string;
  fusion: string;
  agent: string;
  pipe: string | null;
  isWanted: boolean;
  /** `open`; `unavailable`: its storage is; `silent`: its fusion is; `missing`: a pipe that is wanted has none. */
  state: 'open' | 'unavailable' | 'silent' | 'missing';
  session: SessionReport | undefined;
};

/** Every session of which a fusion tells, and those that wanted pipes do not have. */
export function sessionRows(facts: Facts): SessionRow[] {
  const wanted = new Map<string, {agent: string; pipe: string}[]>();
  for (const {id: agent, pipes} of facts.desired?.agents ?? []) {
    for (const {name: pipe, view} of pipes) {
      const feeders = wanted.get(view) ?? [];
      feeders.push({agent, pipe});
      wanted.set(view, feeders);
    }
  }
  return viewRows(facts).flatMap(({view, fusion, report}): SessionRow[] => {
    if (!report || fusion === null) return [];
    const isOnline = facts.heard.get(`fusion/${fusion}`)?.isOnline === true;
    const feeders = new Map(wanted.get(view)?.map(feeder => [`${feeder.agent}/${feeder.pipe}`, feeder]));
    const open = report.sessions.map((session): SessionRow => {
      const {id: agent, pipe = null, unavailable} = session;
      const isWanted = feeders.delete(`${agent}/${pipe}`);
      const state = unavailable === undefined ? 'open' : 'unavailable';
      return {view, fusion, agent, pipe, isWanted, state: isOnline ? state : 'silent', session};
    });
    const missing = [...feeders.values()].map(({agent, pipe}): SessionRow => {
      const state = isOnline ? 'missing' : 'silent';
      return {view, fusion, agent, pipe, isWanted: true, state, session: undefined};
    });
    return [...open, ...missing];
  });
}
