import {z} from '@hono/zod-openapi';
import {entryAnswer} from '../../../../core/query/entry-answer.ts';
import type {Clock} from '../../../../core/time/clock.ts';
import {parseParameters, pathParameters, readParameters, requestedPath} from '../../../http/parameters.ts';
import {type GatewayApp, type GatewayContext, type GatewayParts, queryOf} from '../app.ts';
import {freshnessParameters, settledQuery, unmetRequirement} from '../freshness.ts';
import type {View} from '../views.ts';
import {errorAnswers, json, meta, node, unmetAnswer} from './schemas.ts';
import {pathNotFound} from './tree.ts';

const parameters = z.object({...pathParameters, ...freshnessParameters});
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
export function statRoutes(app: GatewayApp, {views, clock}: GatewayParts): void {
  app.get('/api/v1/fs/stat', context => answerStat(context, views.only(context.get('key')), clock));
  app.get('/api/v1/views/:view/fs/stat', context =>
    answerStat(context, views.find(context.get('key'), context.req.param('view')), clock),
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
      responses: {200: json(z.object({data: entry, meta}), 'The entry.'), ...unmetAnswer, ...errorAnswers},
    });
  }
}

async function answerStat(context: GatewayContext, view: View, clock: Clock): Promise<Response> {
  const asked = parseParameters(readParameters(queryOf(context), names), parameters);
  const path = requestedPath(asked);
  const settled = await settledQuery(context, view, path, asked);
  const refused = unmetRequirement(view, asked, {path, clock, settled});
  if (refused) return refused;
  const place = {view: view.name, path, nowMs: clock.now(), settled};
  const {isKnown, json: text} = view.reader.read(txn => entryAnswer(txn, place));
  if (!isKnown) return pathNotFound(view, path, clock, {settled});
  return new Response(text, {headers: {'content-type': 'application/json'}});
}
