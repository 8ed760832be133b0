import {z} from '@hono/zod-openapi';
import {entryAnswer} from '../../../../core/query/entry-answer.ts';
import type {Clock} from '../../../../core/time/clock.ts';
import {parseParameters, pathParameters, readParameters, requestedPath} from '../../../http/parameters.ts';
import {type GatewayApp, type GatewayContext, type GatewayParts, queryOf} from '../app.ts';
import {freshnessParameters, settledQuery, unmetRequirement} from '../freshness.ts';
import {askedOf} from '../not-modified.ts';
import type {SendParts} from '../send-chunks.ts';
import {sendTold} from '../send-page.ts';
import {syncParameters, syncPoint} from '../sync-point.ts';
import type {View} from '../views.ts';
import {errorAnswers, json, meta, node, notModifiedAnswer, unmetAnswer} from './schemas.ts';
import {pathNotFound} from './tree.ts';

const parameters = z.object({...pathParameters, ...syncParameters, ...freshnessParameters});
const names = Object.keys(parameters.shape);

const entry = node.omit({children: true, continued: true}).extend({
  changed_time: z.number().optional().describe('ctime, as modified_time.'),
  blind_spot: z.boolean(),
  realtime_at: z.string().nullable().describe('When a watcher last saw it.'),
  agent: z.string().nullable().describe('The agent that last spoke of it.'),
  complete: z.boolean().optional(),
  listed_at: z.string().nullable().optional(),
  unreadable: z.string().nullable().optional(),
  totals: z.record(z.string(), z.number()).optional().describe('Of a directory: sums over everything below it.'),
});

/** `GET …/fs/stat`: one entry with everything known about it. */
export function statRoutes(app: GatewayApp, {views, ...parts}: GatewayParts): void {
  app.get('/api/v1/fs/stat', context => answerStat(context, views.only(context.get('key')), parts));
  app.get('/api/v1/views/:view/fs/stat', context =>
    answerStat(context, views.find(context.get('key'), context.req.param('view')), parts),
  );
  for (const path of ['/api/v1/fs/stat', '/api/v1/views/{view}/fs/stat']) {
    app.openAPIRegistry.registerPath({
      method: 'get',
      path,
      summary: 'Everything known about one entry.',
      request: {
        query: parameters,
        ...(path.includes('{view}') && {params: z.object({view: z.string()})}),
      },
      responses: {
        200: json(z.object({data: entry, meta}), 'The entry.'),
        304: notModifiedAnswer,
        ...unmetAnswer,
        ...errorAnswers,
      },
    });
  }
}

async function answerStat(
  context: GatewayContext,
  view: View,
  {clock, ...sending}: SendParts & {clock: Clock},
): Promise<Response> {
  const asked = parseParameters(readParameters(queryOf(context), names), parameters);
  const path = requestedPath(asked);
  const sync = await syncPoint(context, view, asked);
  const settled = await settledQuery(context, view, path, asked);
  const refused = unmetRequirement(view, asked, {path, clock, settled, sync});
  if (refused) return refused;
  const place = {view: view.name, path, nowMs: clock.now(), settled, asked: sync};
  const {data, meta} = view.reader.read(txn => entryAnswer(txn, place));
  if (data === undefined) return pathNotFound(view, path, clock, {...sync, settled});
  return sendTold(context, {asked: askedOf(context, view), data, meta}, sending);
}
