import {z} from '@hono/zod-openapi';
import {fromText} from '../../../../core/entry/byte-string.ts';
import {type Path, rootPath} from '../../../../core/entry/path.ts';
import {FustorError} from '../../../../core/errors/fustor-error.ts';
import {jobAnswer} from '../../../../core/query/job-answer.ts';
import {type Meta, readMeta} from '../../../../core/query/meta.ts';
import {resolve} from '../../../../core/query/resolve.ts';
import type {Clock} from '../../../../core/time/clock.ts';
import type {TreeRead} from '../../../../core/tree/tree-store.ts';
import {jobStates, readJob, readJobs} from '../../../../core/view/jobs.ts';
import {
  integerParameter,
  parseParameters,
  pathParameters,
  readParameters,
  requestedPath,
} from '../../../http/parameters.ts';
import {type GatewayApp, type GatewayContext, type GatewayParts, queryOf} from '../app.ts';
import type {Bodies} from '../bodies.ts';
import {orderScan} from '../order-scan.ts';
import type {View} from '../views.ts';
import {errorAnswers, job, json, meta} from './schemas.ts';

const parameters = z.object({
  state: z
    .enum(jobStates, {error: `one of ${jobStates.join(', ')}`})
    .optional()
    .describe('Only jobs in this state.'),
  limit: integerParameter({min: 1, max: 1_000}).optional().describe('At most so many, the newest. Default: 100.'),
});
const names = Object.keys(parameters.shape);
const limitDefault = 100;

const order = z.strictObject({
  path: z.string().optional().describe('Path in the view; default "/".'),
  path_b64: pathParameters.path_b64,
  recursive: z.boolean().default(true).describe('False: only the directory itself.'),
});

const engineTimeoutMs = 10_000;
const orderBytesMax = 64 * 1024;

/** `POST …/fs/scan`, `GET …/jobs` and `…/jobs/{id}`: scans that somebody asks for, and how far all scans are. */
export function jobRoutes(app: GatewayApp, {views, clock, bodies}: GatewayParts): void {
  const only = (context: GatewayContext) => views.only(context.get('key'));
  const named = (context: GatewayContext) => views.find(context.get('key'), context.req.param('view')!);
  for (const [prefix, viewOf] of [
    ['/api/v1', only],
    ['/api/v1/views/:view', named],
  ] as const) {
    app.post(`${prefix}/fs/scan`, context => answerScan(context, viewOf(context), {clock, bodies}));
    app.get(`${prefix}/jobs`, context => answerJobs(context, viewOf(context), clock));
    app.get(`${prefix}/jobs/:id`, context => answerJob(context, viewOf(context), clock));
  }
  document(app);
}

async function answerScan(
  context: GatewayContext,
  view: View,
  {clock, bodies}: {clock: Clock; bodies: Bodies},
): Promise<Response> {
  readParameters(queryOf(context), []);
  const {path, recursive} = await bodies.with(context, orderBytesMax, async body => readOrder(body));
  const key = context.get('key').name;
  const {job, isNew} = await orderScan(view, {path, isRecursive: recursive, key, timeoutMs: engineTimeoutMs});
  const known = view.reader.read(txn => metaOf(txn, {view, path, clock}));
  return context.json({data: job, meta: known}, isNew ? 202 : 200);
}

function answerJobs(context: GatewayContext, view: View, clock: Clock): Response {
  const {state, limit = limitDefault} = parseParameters(readParameters(queryOf(context), names), parameters);
  const body = view.reader.read(txn => ({
    data: readJobs(txn)
      .filter(job => state === undefined || job.state === state)
      .slice(0, limit)
      .map(jobAnswer),
    meta: metaOf(txn, {view, path: rootPath, clock}),
  }));
  return context.json(body);
}

function answerJob(context: GatewayContext, view: View, clock: Clock): Response {
  readParameters(queryOf(context), []);
  const id = context.req.param('id')!;
  const body = view.reader.read(txn => {
    const job = readJob(txn, id);
    return job && {data: jobAnswer(job), meta: metaOf(txn, {view, path: job.path, clock})};
  });
  if (body) return context.json(body);
  throw new FustorError('JOB_NOT_FOUND', `The view ${view.name} has no job ${id}.`, {
    hint: 'Only the last hundred that have ended are kept.',
  });
}

function metaOf(txn: TreeRead, {view, path, clock}: {view: View; path: Path; clock: Clock}): Meta {
  return readMeta(txn, {view: view.name, nowMs: clock.now()}, resolve(txn, path));
}

/** Throws BAD_REQUEST. */
function readOrder(body: Buffer): {path: Path; recursive: boolean} {
  const hint = 'It looks like {"path": "/data", "recursive": true}.';
  const result = order.safeParse(jsonIn(body, hint));
  if (!result.success) {
    const {path, message} = result.error.issues[0]!;
    throw new FustorError('BAD_REQUEST', `The body is not an order of a scan: ${[...path, message].join(': ')}.`, {
      hint,
    });
  }
  const {path, path_b64, recursive} = result.data;
  return {path: requestedPath({path: path === undefined ? path : fromText(path), path_b64}), recursive};
}

function jsonIn(body: Buffer, hint: string): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new FustorError('BAD_REQUEST', 'The body is not JSON.', {hint});
  }
}

function document(app: GatewayApp): void {
  const one = json(z.object({data: job, meta}), 'The job.');
  const later = {description: 'Not now; the header Retry-After tells when to ask again.'};
  for (const prefix of ['/api/v1', '/api/v1/views/{view}']) {
    const params = prefix.includes('{view}') ? {view: z.string()} : {};
    const request = prefix.includes('{view}') ? {params: z.object(params)} : {};
    app.openAPIRegistry.registerPath({
      method: 'post',
      path: `${prefix}/fs/scan`,
      summary: 'Has the leader scan a path now. The same path that waits or runs already is the same job.',
      request: {...request, body: {required: true, content: {'application/json': {schema: order}}}},
      responses: {
        202: json(z.object({data: job, meta}), 'A new job.'),
        200: json(z.object({data: job, meta}), 'The job that waits or runs already.'),
        ...errorAnswers,
        429: {...later, description: `A hundred scans wait already. ${later.description}`},
        503: {...later, description: `The engine of the view is away. ${later.description}`},
      },
    });
    app.openAPIRegistry.registerPath({
      method: 'get',
      path: `${prefix}/jobs`,
      summary: 'The scans of the view, newest first: those that wait, run, and the last hundred that have ended.',
      request: {...request, query: parameters},
      responses: {200: json(z.object({data: z.array(job), meta}), 'The jobs.'), ...errorAnswers},
    });
    app.openAPIRegistry.registerPath({
      method: 'get',
      path: `${prefix}/jobs/{id}`,
      summary: 'One scan, and how far it is.',
      request: {params: z.object({...params, id: z.string()})},
      responses: {200: one, ...errorAnswers},
    });
  }
}
