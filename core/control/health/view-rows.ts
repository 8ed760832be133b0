import type {Facts} from './facts.ts';
import {type SessionReport, type ViewReport, viewReports} from './reports.ts';

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
export function viewRows({nodes, desired}: Facts): ViewRow[] {
  const fusions = nodes.filter(({stored}) => stored.kind === 'fusion');
  const rows = new Map<string, ViewRow>();
  for (const {name: view, fusion = null} of desired?.views ?? []) {
    const node = fusions.find(({stored}) => stored.id === fusion);
    const state = node ? (node.stored.views ? 'not_served' : 'unknown') : 'never_seen';
    rows.set(view, {view, fusion, isWanted: true, state, report: undefined, coverage: null});
  }
  for (const {stored, isOnline} of fusions) {
    for (const report of viewReports(stored)) {
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
  const {nodes, desired} = facts;
  const wanted = (desired?.agents ?? []).flatMap(({id, pipes}) => pipes.map(pipe => ({agent: id, ...pipe})));
  return viewRows(facts).flatMap(({view, fusion, report}): SessionRow[] => {
    if (!report || fusion === null) return [];
    const isOnline = nodes.some(({stored, isOnline}) => stored.kind === 'fusion' && stored.id === fusion && isOnline);
    const open = report.sessions.map((session): SessionRow => {
      const {id: agent, pipe = null} = session;
      const isWanted = wanted.some(one => one.agent === agent && one.name === pipe && one.view === view);
      const state = session.unavailable ? 'unavailable' : 'open';
      return {view, fusion, agent, pipe, isWanted, state: isOnline ? state : 'silent', session};
    });
    const missing = wanted
      .filter(one => one.view === view && !open.some(({agent, pipe}) => agent === one.agent && pipe === one.name))
      .map(({agent, name}): SessionRow => {
        const state = isOnline ? 'missing' : 'silent';
        return {view, fusion, agent, pipe: name, isWanted: true, state, session: undefined};
      });
    return [...open, ...missing];
  });
}
