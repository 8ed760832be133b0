import {type OpenAPIHono, z} from '@hono/zod-openapi';
import {problemKinds, severities} from '../../../core/control/health/condition.ts';
import {applyStates, partReport} from '../../../core/control/protocol.ts';
import {type ApiEnv, json} from '../../http/api.ts';

const text = z.string().nullable();
const number = z.number().nullable();

export const nodeApply = z
  .object({
    state: z.enum([...applyStates, 'refused', 'unmanaged']).describe('The worst of its parts.'),
    desired: text.describe('Signature of what is wanted of it.'),
    running: text.describe('Signature of what all its parts run with.'),
    reason: text.describe('Why it is not applied.'),
  })
  .openapi('Apply');

const common = {
  wanted: z.boolean().describe('Whether the configuration names it.'),
  state: z.string(),
  since: z.string().describe('Since when it is in this state, by the clock of the controller.'),
};

const pipe = z
  .object({
    agent: z.string(),
    pipe: z.string(),
    view: text,
    ...common,
    role: text.describe('"leader" or "follower".'),
    apply: z.enum(applyStates).nullable(),
    desired: text.describe('Hash of what is wanted.'),
    running: text.describe('Hash of what runs.'),
    last_failed: z.object({hash: z.string().optional(), reason: z.string(), at: z.string()}).nullable(),
    last_death: z.object({at: z.string(), cause: z.string(), detail: z.string()}).nullable(),
    pid: partReport.shape.pid,
    uptime_ms: number,
    memory_bytes: number,
    starts: number,
    lag_ms: number,
    queued: number,
  })
  .openapi('Pipe');

const view = z
  .object({
    view: z.string(),
    fusion: text,
    ...common,
    complete: z.boolean().nullable(),
    leader: text,
    agents: z.array(z.string()),
    coverage: z.object({watched: z.number(), known: z.number()}).nullable().describe('Directories, of the leader.'),
    last_event_at: text,
    rejected: z.number(),
    problem: text,
  })
  .openapi('ControlledView');

const session = z
  .object({
    view: z.string(),
    fusion: z.string(),
    agent: z.string(),
    pipe: text,
    ...common,
    session: text,
    role: text,
    source: text,
    opened_at: text,
    seen_at: text,
    unavailable: text,
    watched: number,
    known: number,
    lag_ms: number,
    queued: number,
    gaps: number,
  })
  .openapi('ControlledSession');

const problem = z
  .object({
    subject: z.string().describe('For example "pipe/node-a/research".'),
    kind: z.enum(problemKinds),
    severity: z.enum(severities).describe('A "notice" needs nobody to act.'),
    problem: z.string().describe('One sentence.'),
    since: z.string(),
    next: z.string().describe('The command to type next.'),
  })
  .openapi('Problem');

type Answers = Record<number, ReturnType<typeof json>>;

/** For `/openapi.json`. */
export function describeHealth(app: OpenAPIHono<ApiEnv>, errors: Answers): void {
  const get = (path: string, what: {summary: string; answer: z.ZodType; params?: z.ZodObject; more?: Answers}) =>
    app.openAPIRegistry.registerPath({
      method: 'get',
      path,
      summary: what.summary,
      ...(what.params && {request: {params: what.params}}),
      responses: {200: json(z.object({data: what.answer}), 'Yes.'), ...errors, ...what.more},
    });
  get('/api/v1/pipes', {
    summary: 'Every pipe that is configured or runs: what is wanted, and how it is.',
    answer: z.array(pipe),
  });
  get('/api/v1/pipes/{agent}/{pipe}', {
    summary: 'One pipe.',
    answer: pipe,
    params: z.object({agent: z.string(), pipe: z.string()}),
    more: {404: {description: 'There is no such pipe.', content: {}} as Answers[number]},
  });
  get('/api/v1/control/views', {
    summary: 'Every view that is configured or served: who leads, how much of it is watched.',
    answer: z.array(view),
  });
  get('/api/v1/control/sessions', {
    summary: 'Every session that feeds a view, and those that are missing.',
    answer: z.array(session),
  });
  get('/api/v1/problems', {
    summary: 'Only what needs somebody to act: since when, and the command to type next.',
    answer: z.array(problem),
  });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/v1/backup',
    summary: 'All that the controller keeps, at one moment, as a file; for admins.',
    responses: {
      200: {
        description: 'As "control.mdb" of an empty data directory it is the same controller; keep its key file apart.',
        content: {'application/octet-stream': {schema: z.any()}},
      },
      ...errors,
    },
  });
}
