import {z} from '@hono/zod-openapi';
import {toText} from '../../../../core/entry/byte-string.ts';
import type {Path} from '../../../../core/entry/path.ts';
import {FustorError} from '../../../../core/errors/fustor-error.ts';
import {treeTag} from '../../../../core/query/answer-tag.ts';
import {decodeCursor} from '../../../../core/query/cursor.ts';
import {type MetaJob, readMeta} from '../../../../core/query/meta.ts';
import type {SettledQuery} from '../../../../core/query/read-settled.ts';
import {resolve} from '../../../../core/query/resolve.ts';
import {AnswerParts, TreeAnswer} from '../../../../core/query/tree-answer.ts';
import type {Clock} from '../../../../core/time/clock.ts';
import {readViewStatus} from '../../../../core/view/view-status.ts';
import {
  booleanParameter,
  integerParameter,
  parseParameters,
  pathParameters,
  readParameters,
  requestedPath,
} from '../../../http/parameters.ts';
import {type GatewayApp, type GatewayContext, type GatewayParts, queryOf} from '../app.ts';
import {freshnessParameters, settledQuery, unmetRequirement, whyIncompleteNow} from '../freshness.ts';
import {type KeptAnswer, KeptAnswers} from '../kept-answers.ts';
import {askedOf, isKept, notModified} from '../not-modified.ts';
import {orderScan} from '../order-scan.ts';
import {lengthOf, type SendParts, sendChunks} from '../send-chunks.ts';
import {syncParameters, syncPoint} from '../sync-point.ts';
import type {View} from '../views.ts';
import {formatOf, formatParameters, requestedFormat} from './format-parameters.ts';
import {errorAnswers, inFormats, meta, node, notModifiedAnswer, unmetAnswer} from './schemas.ts';

const parameters = z.object({
  ...pathParameters,
  ...syncParameters,
  ...freshnessParameters,
  recursive: booleanParameter
    .optional()
    .describe('Everything below, not only what is in the directory. Default: false.'),
  max_depth: integerParameter({min: 0, max: 4096}).optional().describe('Levels to go down; 0: only the path itself.'),
  ...formatParameters,
  limit: integerParameter({min: 1, max: 10_000_000})
    .optional()
    .describe('Entries in one answer; `next_cursor` goes on.'),
  cursor: z.string().optional().describe('`next_cursor` of the answer before.'),
  on_demand_scan: booleanParameter
    .optional()
    .describe('Also has the leader scan this path; `meta.job` tells the job. With a cursor it is not asked again.'),
});
const names = Object.keys(parameters.shape);

/**
 * Those on which an answer depends in no other way than its tag does: the tag is of the whole question (`askedOf`). With one that is
 * not among these it has none.
 */
const tagged = ['path', 'path_b64', 'recursive', 'max_depth', 'only_path', 'fields', 'format', 'limit', 'cursor'];
/** In place of the first chunk of an answer that the client has already. */
const isHeld = Symbol('held');

const keptBytesMax = 16 * 2 ** 20;

/** An engine that is there makes a job in milliseconds. */
const scanTimeoutMs = 500;

/** `GET …/fs/tree`. Never answers 503: it tells what is known, and how fresh and complete that is. */
export function treeRoutes(app: GatewayApp, {views, clock, turns, waiting, log}: GatewayParts): void {
  const sending = {turns, waiting, log};
  const parts = {clock, answers: new AnswerParts(), kept: new KeptAnswers(keptBytesMax), sending};
  app.get('/api/v1/fs/tree', context => answerTree(context, views.only(context.get('key')), parts));
  app.get('/api/v1/views/:view/fs/tree', context =>
    answerTree(context, views.find(context.get('key'), context.req.param('view')), parts),
  );
  for (const path of ['/api/v1/fs/tree', '/api/v1/views/{view}/fs/tree']) {
    app.openAPIRegistry.registerPath({
      method: 'get',
      path,
      summary: 'A directory and what is in it, or everything below it.',
      request: {
        query: parameters,
        ...(path.includes('{view}') && {params: z.object({view: z.string()})}),
      },
      responses: {
        200: inFormats(z.object({data: node, meta}), 'The tree.'),
        304: notModifiedAnswer,
        ...unmetAnswer,
        ...errorAnswers,
      },
    });
  }
}

type Parts = {clock: Clock; answers: AnswerParts; kept: KeptAnswers; sending: SendParts};

function answerTree(context: GatewayContext, view: View, parts: Parts): Response | Promise<Response> {
  const {clock, kept, sending} = parts;
  const chunks = view.reader.read(txn => kept.find(questionOf(context, view), txn, clock.now()));
  if (!chunks || lengthOf(chunks.first) > sending.waiting.chunkBytes) return answerAnew(context, view, parts);
  return chunks.etag !== undefined && isKept(context, chunks.etag)
    ? notModified(chunks.etag)
    : sendChunks(context, chunks, {...sending, view: view.name});
}

async function answerAnew(
  context: GatewayContext,
  view: View,
  {clock, answers, kept, sending}: Parts,
): Promise<Response> {
  const raw = readParameters(queryOf(context), names);
  const asked = parseParameters(raw, parameters);
  const path = requestedPath(asked);
  const after = asked.cursor === undefined ? undefined : decodeCursor(path, asked.cursor);
  if (asked.cursor !== undefined && after === undefined) {
    throw new FustorError('BAD_REQUEST', 'The cursor does not belong to this path.', {
      hint: 'Send "next_cursor" of the answer before, with the same "path".',
    });
  }
  const depthMax = asked.max_depth ?? (asked.recursive ? Number.POSITIVE_INFINITY : 1);
  const sync = await syncPoint(context, view, asked);
  const isScanAsked = asked.on_demand_scan === true && after === undefined;
  const isTagged = [...raw.keys()].every(name => tagged.includes(name));
  const scan = isScanAsked ? await askForScan(context, view, {path, isRecursive: depthMax > 1}) : undefined;
  const job = {...scan, ...sync};
  const settled = await settledQuery(context, view, path, asked);
  const refused = unmetRequirement(view, asked, {path, clock, settled, sync});
  if (refused) return refused;
  const query = {
    view: view.name,
    path,
    settled,
    after,
    job,
    depthMax,
    ...requestedFormat(asked),
    limit: asked.limit ?? Number.POSITIVE_INFINITY,
  };
  let answer: TreeAnswer;
  let etag: string | undefined;
  let so: Omit<KeptAnswer, 'chunks'>;
  const next = (bytesMax: number) => view.reader.read(txn => answer.nextPieces(txn, clock.now(), bytesMax));
  const begin = () =>
    view.reader.read(txn => {
      const nowMs = clock.now();
      const found = resolve(txn, path);
      const status = readViewStatus(txn, nowMs);
      const known = readMeta(txn, {view: view.name, nowMs, settled}, found, status);
      const tag = () => treeTag(txn, {asked: askedOf(context, view), meta: known}, {found, depth: depthMax});
      etag = isTagged ? tag() : undefined;
      if (etag !== undefined && found.entry && isKept(context, etag)) return isHeld;
      so = {snapshotId: txn.snapshotId(), from: nowMs, until: status.until};
      answer = new TreeAnswer({...query, begun: {found, meta: known}}, answers); // anew when the store turns out to be damaged
      return answer.nextPieces(txn, nowMs, sending.waiting.chunkBytes);
    });
  const first = depthMax > 1 ? await sending.turns.first(begin) : begin();
  if (first === isHeld) return notModified(etag!);
  if (first === undefined) return pathNotFound(view, path, clock, {...job, settled});
  const rest = (bytesMax: number) => (answer.isDone ? undefined : next(bytesMax));
  const chunks = {first, next: rest, isDone: answer!.isDone, etag, ...formatOf(query.format, () => answer.meta)};
  if (isTagged && chunks.isDone) kept.keep(questionOf(context, view), {...so!, chunks});
  return sendChunks(context, chunks, {...sending, view: view.name});
}

/** All that tells one question from another: a view's name has no `?`. */
function questionOf(context: GatewayContext, view: View): string {
  return `${view.name}?${queryOf(context)}`;
}

/** Never in the way of the answer: what is known is told also when nobody can be asked to look again. */
async function askForScan(
  context: GatewayContext,
  view: View,
  scan: {path: Path; isRecursive: boolean},
): Promise<MetaJob> {
  try {
    const order = {...scan, key: context.get('key').name, timeoutMs: scanTimeoutMs};
    const {id, state} = (await orderScan(view, order)).job;
    return {job: {id, state}};
  } catch (error) {
    if (!(error instanceof FustorError)) throw error;
    return {job: null, job_error: error.message};
  }
}

/** 404 with the `meta` of the place, so that a script can tell "does not exist" from "not seen yet". */
export function pathNotFound(
  view: View,
  path: Path,
  clock: Clock,
  {settled, ...job}: MetaJob & {settled?: SettledQuery | undefined} = {},
): Response {
  const place = {view: view.name, nowMs: clock.now(), settled};
  const {known, why} = view.reader.read(txn => {
    const found = resolve(txn, path);
    const meta = readMeta(txn, place, found);
    // It came since the look that did not find it: that one was before the view was complete.
    if (found.entry) return {known: {...meta, complete: false}, why: undefined};
    return {known: meta, why: whyIncompleteNow(txn, meta, {path, found})};
  });
  const {text} = toText(path);
  const unseen = `${text} has not been seen in the view ${view.name} yet`;
  const error = new FustorError(
    'PATH_NOT_FOUND',
    known.complete ? `${text} does not exist in the view ${view.name}.` : `${unseen}${why ? `: ${why.reason}` : ''}.`,
    known.complete ? {} : {hint: why?.hint ?? `The view is not complete (sync: ${known.sync}); ask again later.`},
  );
  return Response.json({...error.toBody(), meta: {...known, ...job}}, {status: error.status});
}
