import {z} from 'zod';
import type {StoredAgent} from '../control-store.ts';
import {pipeOf} from '../part-names.ts';
import type {NodeKind, ReportedPart} from '../protocol.ts';

/**
 * What nodes say of themselves, as far as it is understood. It comes from programs of other versions: what is missing or
 * strange is undefined, and judged as if nothing was said.
 */

const work = z.object({done: z.number(), pending: z.number()});
const pipeHealth = z.object({
  role: z.string().optional().catch(undefined),
  isConnected: z.boolean().optional().catch(undefined),
  queued: z.number().optional().catch(undefined),
  lastError: z.string().optional().catch(undefined),
});
const sourceHealth = z.object({
  isAvailable: z.boolean().optional().catch(undefined),
  reason: z.string().optional().catch(undefined),
});
const partHealth = z.object({
  work: work.optional().catch(undefined),
  pipe: pipeHealth.optional().catch(undefined),
  source: sourceHealth.optional().catch(undefined),
});
export type PartHealth = z.output<typeof partHealth>;

export function healthOf({health}: ReportedPart): PartHealth {
  return partHealth.safeParse(health).data ?? {};
}

const text = z.string().nullish().catch(undefined);
const count = z.number().nullish().catch(undefined);
const session = z.object({
  id: z.string(),
  pipe: text,
  session: text,
  role: text,
  source: text,
  opened_at: text,
  seen_at: text,
  queued: count,
  lag_ms: count,
  unavailable: text,
  watched: count,
  known: count,
  gaps: count,
});
export type SessionReport = z.output<typeof session>;

const rejectedBatches = z.object({
  count: z.number(),
  last: z.object({agent: text, reason: text}).nullish().catch(undefined),
});

const viewReport = z.object({
  view: z.string(),
  sync: text,
  complete: z.boolean().nullish().catch(undefined),
  problem: text,
  last_event_at: text,
  leader: text,
  rejected: rejectedBatches.optional().catch(undefined),
  agents: z.array(z.unknown()).catch([]),
});
export type ViewReport = Omit<z.output<typeof viewReport>, 'agents'> & {fusion: string; sessions: SessionReport[]};

/** The views of a fusion, each as its `…/status` tells it: `data` and `meta`, or the fields of both in one. */
export function viewReports({id: fusion, views = []}: StoredAgent): ViewReport[] {
  return views.flatMap(raw => {
    const all = {...asObject(raw.meta), ...asObject(raw.data), ...raw};
    const parsed = viewReport.safeParse({...all, view: all.view ?? all.name}).data;
    if (!parsed) return [];
    const {agents, ...report} = parsed;
    const sessions = agents.flatMap(one => session.safeParse(one).data ?? []);
    return [{...report, fusion, sessions}];
  });
}

/** How a part is called by people: a pipe of an agent, or the part of a fusion itself. */
export function partLabel(part: string): string {
  return pipeOf(part) ?? part;
}

export function partSubject({kind, id}: {kind: NodeKind; id: string}, part: string): string {
  const pipe = pipeOf(part);
  return kind === 'agent' && pipe !== undefined ? `pipe/${id}/${pipe}` : `${kind}/${id}/${part}`;
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}
