import type {HealthPicture, Problem} from './health.ts';

type Row<Name extends 'nodes' | 'pipes' | 'views' | 'sessions'> = HealthPicture[Name][number];

export type NodeAnswer = ReturnType<typeof nodeAnswer>;
export type PipeAnswer = ReturnType<typeof pipeAnswer>;
export type ViewAnswer = ReturnType<typeof viewAnswer>;
export type SessionAnswer = ReturnType<typeof sessionAnswer>;
export type ProblemAnswer = ReturnType<typeof problemAnswer>;

/** What the API tells of how things are. `since` is the controller's time; what parts and sessions say, that of their hosts. */
export function nodeAnswer({kind, id, isWanted, state, since, apply}: Row<'nodes'>) {
  return {id, kind, wanted: isWanted, state, since: isoTime(since), apply};
}

export function pipeAnswer({agent, pipe, view, isWanted, state, since, ...row}: Row<'pipes'>) {
  const {apply, part, role, lagMs, queued} = row;
  const death = part?.last_death;
  return {
    ...{agent, pipe, view, wanted: isWanted, state, since: isoTime(since), role},
    apply: apply?.state ?? null,
    desired: apply?.desired ?? null,
    running: apply?.running ?? null,
    last_failed: apply?.last_failed ?? null,
    last_death: death ? {at: death.at, cause: death.cause, detail: death.detail} : null,
    pid: part?.pid ?? null,
    uptime_ms: part?.uptime_ms ?? null,
    memory_bytes: part?.memory_bytes ?? null,
    starts: part?.starts ?? null,
    lag_ms: lagMs,
    queued,
  };
}

export function viewAnswer({view, fusion, isWanted, state, since, report, coverage}: Row<'views'>) {
  return {
    ...{view, fusion, wanted: isWanted, state, since: isoTime(since)},
    complete: report?.complete ?? null,
    leader: report?.leader ?? null,
    agents: report ? report.sessions.map(({id}) => id) : [],
    coverage,
    last_event_at: report?.last_event_at ?? null,
    rejected: report?.rejected.count ?? 0,
    problem: report?.problem ?? null,
  };
}

export function sessionAnswer({view, fusion, agent, pipe, isWanted, state, since, session}: Row<'sessions'>) {
  return {
    ...{view, fusion, agent, pipe, wanted: isWanted, state, since: isoTime(since)},
    session: session?.session ?? null,
    role: session?.role ?? null,
    source: session?.source ?? null,
    opened_at: session?.opened_at ?? null,
    seen_at: session?.seen_at ?? null,
    unavailable: session?.unavailable ?? null,
    watched: session?.watched ?? null,
    known: session?.known ?? null,
    lag_ms: session?.lag_ms ?? null,
    queued: session?.queued ?? null,
    gaps: session?.gaps ?? null,
  };
}

export function problemAnswer({subject, kind, severity, problem, since, next}: Problem) {
  return {subject, kind, severity, problem, since: isoTime(since), next};
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
