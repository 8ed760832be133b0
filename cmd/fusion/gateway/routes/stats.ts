import {z} from '@hono/zod-openapi';
import {type ChildOrder, ChildrenPage, childOrders} from '../../../../core/query/child-totals.ts';
import {inOneStore} from '../../../../core/query/same-store.ts';
import {statsAnswer} from '../../../../core/query/stats-answer.ts';
import {
  booleanParameter,
  integerParameter,
  parseParameters,
  pathParameters,
  readParameters,
  requestedPath,
} from '../../../http/parameters.ts';
import {type GatewayApp, type GatewayContext, type GatewayParts, queryOf} from '../app.ts';
import {freshnessParameters, settledQuery, unmetRequirement} from '../freshness.ts';
import {isGone} from '../is-gone.ts';
import {askedOf} from '../not-modified.ts';
import {sendTold} from '../send-page.ts';
import {syncParameters, syncPoint} from '../sync-point.ts';
import type {View} from '../views.ts';
import {json, meta, notModifiedAnswer, storeLostAnswer, unmetAnswer} from './schemas.ts';
import {pathNotFound} from './tree.ts';
import {viewRoute} from './view-route.ts';

const orders = Object.keys(childOrders) as [ChildOrder, ...ChildOrder[]];
const parameters = z.object({
  ...pathParameters,
  ...syncParameters,
  ...freshnessParameters,
  children: booleanParameter.optional().describe('Also the sums of each child, the greatest first. Default: false.'),
  sort: z
    .enum(orders, {error: `one of ${orders.join(', ')}`})
    .optional()
    .describe('By what the children are ordered. Default: bytes.'),
  limit: integerParameter({min: 1, max: 10_000}).optional().describe('As many children. Default: 1000.'),
});
const names = Object.keys(parameters.shape);
const limitDefault = 1_000;

const totals = z.object({
  files: z.number().int(),
  directories: z.number().int(),
  others: z.number().int().describe('Symbolic links and everything else.'),
  bytes: z.number().int().describe('Sum of the sizes of files.'),
  unlisted: z.number().int().describe('Directories that no complete listing has reached yet.'),
  unreadable: z.number().int().describe('Directories whose last reading failed.'),
  suspects: z.number().int(),
  blind_spots: z.number().int(),
  newest_change: z.number().describe('The latest change that was ever seen there, in seconds since 1970.'),
});
const contentType = z.enum(['directory', 'file', 'symlink', 'other']);
const child = totals.extend({name: z.string(), name_b64: z.string().optional(), content_type: contentType});
const stats = totals.extend({
  path: z.string(),
  path_b64: z.string().optional(),
  content_type: contentType,
  children: z.array(child).optional(),
  children_count: z.number().int().optional().describe('How many there are, also those that are not listed here.'),
});

/** `GET …/fs/stats`: how much is below a path. */
export function statsRoutes(app: GatewayApp, {views, clock, ...sending}: GatewayParts): void {
  const answer = async (context: GatewayContext, view: View): Promise<Response> => {
    const asked = parseParameters(readParameters(queryOf(context), names), parameters);
    const path = requestedPath(asked);
    const sync = await syncPoint(context, view, asked);
    const settled = await settledQuery(context, view, path, asked);
    const refused = unmetRequirement(view, asked, {path, clock, settled, sync});
    if (refused) return refused;
    const order = {order: asked.sort ?? 'bytes', limit: asked.limit ?? limitDefault};
    const children = asked.children ? new ChildrenPage({path, ...order}) : undefined;
    const reader = children ? inOneStore(view.reader) : view.reader;
    if (children) await sending.turns.whole(() => isGone(context) || reader.read(txn => children.slice(txn)));
    const place = {view: view.name, path, nowMs: clock.now(), settled, children, asked: sync};
    const {data, meta} = reader.read(txn => statsAnswer(txn, place));
    if (data === undefined) return pathNotFound(view, path, clock, {...sync, settled});
    return sendTold(context, {asked: askedOf(context, view), data, meta}, sending);
  };
  const description = {
    name: 'fs/stats',
    summary: 'Recursive totals of a directory, at once however large it is; of anything else its own.',
    query: parameters,
    responses: {
      200: json(z.object({data: stats, meta}), 'The totals.'),
      304: notModifiedAnswer,
      ...unmetAnswer,
      ...storeLostAnswer,
    },
  };
  viewRoute(app, views, description, answer);
}
