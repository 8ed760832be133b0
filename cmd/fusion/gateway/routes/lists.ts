import {z} from '@hono/zod-openapi';
import type {Path} from '../../../../core/entry/path.ts';
import {FustorError} from '../../../../core/errors/fustor-error.ts';
import {BlindSpotPage} from '../../../../core/query/blind-spot-list.ts';
import type {ListPage} from '../../../../core/query/list-page.ts';
import {type Meta, readMeta} from '../../../../core/query/meta.ts';
import {resolve} from '../../../../core/query/resolve.ts';
import {decodePlace} from '../../../../core/query/run-scan.ts';
import {inOneStore} from '../../../../core/query/same-store.ts';
import {decodePath, SuspectPage} from '../../../../core/query/suspect-list.ts';
import {
  integerParameter,
  parseParameters,
  pathParameters,
  readParameters,
  requestedPath,
} from '../../../http/parameters.ts';
import {type GatewayApp, type GatewayContext, type GatewayParts, queryOf} from '../app.ts';
import {isGone} from '../is-gone.ts';
import {sendPage} from '../send-page.ts';
import {errorAnswers, json, meta, storeLostAnswer} from './schemas.ts';

const parameters = z.object({
  ...pathParameters,
  limit: integerParameter({min: 1, max: 10_000})
    .optional()
    .describe('Rows in one answer, at most about 256 KiB of them; `next_cursor` goes on. Default: 1000.'),
  cursor: z.string().optional().describe('`next_cursor` of the answer before.'),
});
const names = Object.keys(parameters.shape);
const limitDefault = 1_000;

const path = {path: z.string(), path_b64: z.string().optional()};

const lists: List[] = [
  {
    name: 'blind-spots',
    summary: 'What no watcher saw and a scan found, at or below a path.',
    row: z.object({...path, change: z.enum(['created', 'modified', 'deleted']), found_at: z.string()}),
    pageOf: cursor => pageBehind(cursor, decodePlace, BlindSpotPage),
  },
  {
    name: 'suspects',
    summary: 'Files at or below a path that may still be being written.',
    row: z.object({...path, size: z.number().int(), modified_time: z.number(), expires_at: z.string()}),
    pageOf: cursor => pageBehind(cursor, decodePath, SuspectPage),
  },
];

type List = {
  name: string;
  summary: string;
  row: z.ZodType;
  /** Throws BAD_REQUEST for a cursor of something else. */
  pageOf: (cursor: string | undefined) => (place: {path: Path; limit: number}) => ListPage;
};

/** `GET …/fs/blind-spots` and `…/fs/suspects`, from the store alone. */
export function listRoutes(app: GatewayApp, {views, clock, ...sending}: GatewayParts): void {
  for (const {name, summary, row, pageOf} of lists) {
    const answer = async (context: GatewayContext, view: ReturnType<typeof views.only>): Promise<Response> => {
      const asked = parseParameters(readParameters(queryOf(context), names), parameters);
      const place = {path: requestedPath(asked), limit: asked.limit ?? limitDefault};
      const page = pageOf(asked.cursor)(place);
      const reader = inOneStore(view.reader);
      await sending.turns.whole(() => isGone(context) || reader.read(txn => page.slice(txn)));
      const known = reader.read(txn => readMeta(txn, {view: view.name, nowMs: clock.now()}, resolve(txn, place.path)));
      const full = {...known, next_cursor: page.nextCursor} satisfies Meta;
      return sendPage(context, {rows: page.rows, meta: full}, sending);
    };
    app.get(`/api/v1/fs/${name}`, context => answer(context, views.only(context.get('key'))));
    app.get(`/api/v1/views/:view/fs/${name}`, context =>
      answer(context, views.find(context.get('key'), context.req.param('view'))),
    );
    for (const prefix of ['/api/v1', '/api/v1/views/{view}']) {
      app.openAPIRegistry.registerPath({
        method: 'get',
        path: `${prefix}/fs/${name}`,
        summary,
        request: {
          query: parameters,
          ...(prefix.includes('{view}') && {params: z.object({view: z.string()})}),
        },
        responses: {200: json(z.object({data: z.array(row), meta}), 'The rows.'), ...errorAnswers, ...storeLostAnswer},
      });
    }
  }
}

function pageBehind<Place>(
  cursor: string | undefined,
  decode: (cursor: string) => Place | undefined,
  Page: new (query: {path: Path; after: Place | undefined; limit: number}) => ListPage,
): (place: {path: Path; limit: number}) => ListPage {
  const after = cursor === undefined ? undefined : decode(cursor);
  if (cursor !== undefined && after === undefined) {
    throw new FustorError('BAD_REQUEST', 'The cursor does not belong to this list.', {
      hint: 'Send "next_cursor" of the answer before.',
    });
  }
  return place => new Page({...place, after});
}
