import type {StoredAgent} from '../control-store.ts';
import {pipeOf} from '../part-names.ts';
import type {NodeKind, ReportedPart} from '../protocol.ts';

/**
 * What nodes say of themselves, as far as it is understood. It comes from programs of other versions: what is missing or
 * strange is undefined, and judged as if nothing was said. Read by hand, because thousands are read every few seconds.
 */

export type PartHealth = {
  work: {done: number; pending: number} | undefined;
  role: string | undefined;
  isConnected: boolean | undefined;
  queued: number | undefined;
  lastError: string | undefined;
  /** Of its source. */
  isAvailable: boolean | undefined;
  reason: string | undefined;
};

export function healthOf({health}: ReportedPart): PartHealth {
  const {work, pipe, source} = fields(health);
  const {done, pending} = fields(work);
  const {role, isConnected, queued, lastError} = fields(pipe);
  const {isAvailable, reason} = fields(source);
  return {
    work: typeof done === 'number' && typeof pending === 'number' ? {done, pending} : undefined,
    role: text(role),
    isConnected: flag(isConnected),
    queued: number(queued),
    lastError: text(lastError),
    isAvailable: flag(isAvailable),
    reason: text(reason),
  };
}

export type SessionReport = {
  /** Of the agent. */
  id: string;
  pipe: string | undefined;
  session: string | undefined;
  role: string | undefined;
  source: string | undefined;
  opened_at: string | undefined;
  seen_at: string | undefined;
  unavailable: string | undefined;
  queued: number | undefined;
  lag_ms: number | undefined;
  watched: number | undefined;
  known: number | undefined;
  gaps: number | undefined;
};

export type ViewReport = {
  view: string;
  fusion: string;
  sync: string | undefined;
  complete: boolean | undefined;
  problem: string | undefined;
  last_event_at: string | undefined;
  leader: string | undefined;
  /** Batches, ever, and why the last one. */
  rejected: {count: number; reason: string | undefined};
  sessions: SessionReport[];
};

/** The views of a fusion, each as its `…/status` tells it: `data` and `meta`, or the fields of both in one. */
export function viewReports({id: fusion, views = []}: StoredAgent): ViewReport[] {
  return views.flatMap(raw => {
    const all = {...fields(raw.meta), ...fields(raw.data), ...raw};
    const view = text(all.view) ?? text(all.name);
    if (view === undefined) return [];
    const rejected = fields(all.rejected);
    return [
      {
        ...{view, fusion, sync: text(all.sync), complete: flag(all.complete), problem: text(all.problem)},
        ...{last_event_at: text(all.last_event_at), leader: text(all.leader)},
        rejected: {count: number(rejected.count) ?? 0, reason: text(fields(rejected.last).reason)},
        sessions: Array.isArray(all.agents) ? all.agents.flatMap(sessionReport) : [],
      },
    ];
  });
}

function sessionReport(raw: unknown): SessionReport[] {
  const all = fields(raw);
  const id = text(all.id);
  if (id === undefined) return [];
  return [
    {
      ...{id, pipe: text(all.pipe), session: text(all.session), role: text(all.role), source: text(all.source)},
      ...{opened_at: text(all.opened_at), seen_at: text(all.seen_at), unavailable: text(all.unavailable)},
      ...{queued: number(all.queued), lag_ms: number(all.lag_ms), gaps: number(all.gaps)},
      ...{watched: number(all.watched), known: number(all.known)},
    },
  ];
}

/** How a part is called by people: a pipe of an agent, or the part of a fusion itself. */
export function partLabel(part: string): string {
  return pipeOf(part) ?? part;
}

export function partSubject({kind, id}: {kind: NodeKind; id: string}, part: string): string {
  const pipe = pipeOf(part);
  return kind === 'agent' && pipe !== undefined ? `pipe/${id}/${pipe}` : `${kind}/${id}/${part}`;
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function flag(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}
