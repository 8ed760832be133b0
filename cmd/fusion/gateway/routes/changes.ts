import {z} from '@hono/zod-openapi';
import {FustorError} from '../../../../core/errors/fustor-error.ts';
import {ChangePage} from '../../../../core/query/change-page.ts';
import {
  type ChangePlace,
  decodeChangePlace,
  encodeChangePlace,
  oldestPlace,
} from '../../../../core/query/change-place.ts';
import {readMeta} from '../../../../core/query/meta.ts';
import {resolve} from '../../../../core/query/resolve.ts';
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
import {syncParameters, syncPoint} from '../sync-point.ts';
import type {View} from '../views.ts';
import {errorBody, json, meta} from './schemas.ts';
import {viewRoute} from './view-route.ts';

const parameters = z.object({
  ...pathParameters,
  ...syncParameters,
  since: z
    .string()
    .optional()
    .describe(
      '`changes_since` of an answer, or a `seq`: what changed behind it. Default: all that the log still has (`meta.from_seq`).',
    ),
  limit: integerParameter({min: 1, max: 10_000})
    .optional()
    .describe('Changes in one answer, at most about 256 KiB of them; `next_cursor` goes on. Default: 1000.'),
  cursor: z.string().optional().describe('`next_cursor` of the answer before.'),
  format: z
    .enum(['json', 'ndjson'], {error: 'json or ndjson'})
    .optional()
    .describe('ndjson: one change a line, and a last line {"meta": …}.'),
});
const names = Object.keys(parameters.shape);
const limitDefault = 1_000;

export const change = z
  .object({
    seq: z.number().int(),
    change: z.enum(['created', 'modified', 'deleted', 'moved']),
    path: z.string(),
    path_b64: z.string().optional(),
    from: z.string().optional().describe('Of "moved": where it was, with all below it.'),
    from_b64: z.string().optional(),
    content_type: z.enum(['directory', 'file', 'symlink', 'other']).optional(),
    size: z.number().int().optional(),
    modified_time: z.number().optional(),
    integrity_suspect: z.boolean().optional(),
  })
  .openapi('Change', {
    description:
      'created: stands there now, in place of what stood there with all below it. modified: has these attributes now. ' +
      'deleted: is gone with all below it. Attributes are the newest that are known; none when it is there no more.',
  });
const changesMeta = meta.extend({
  from_seq: z.number().int(),
  to_seq: z
    .number()
    .int()
    .describe(
      'All changes up to this one have been told. `changes_since` says the same, and of which store: a view that was ' +
        'made anew meanwhile is then told apart.',
    ),
});
export const gone = json(errorBody, 'The log of changes does not reach back so far: read the tree again.');

/** `GET …/fs/changes`: what changed since a `seq`, from the store alone. */
export function changesRoutes(app: GatewayApp, {views, clock, ...sending}: GatewayParts): void {
  const answer = async (context: GatewayContext, view: View): Promise<Response> => {
    const asked = parseParameters(readParameters(queryOf(context), names), parameters);
    const path = requestedPath(asked);
    const place = placeOf(view, asked.cursor ?? asked.since);
    const sync = await syncPoint(context, view, asked);
    const page = new ChangePage({path, place, limit: asked.limit ?? limitDefault});
    const metaNow = () => ({
      ...view.reader.read(txn => readMeta(txn, {view: view.name, nowMs: clock.now()}, resolve(txn, path))),
      ...sync,
    });
    try {
      await sending.turns.whole(() => isGone(context) || view.reader.read(txn => page.slice(txn)));
    } catch (error) {
      if (!(error instanceof FustorError)) throw error;
      return Response.json({...error.toBody(), meta: metaNow()}, {status: error.status});
    }
    const full = {
      ...metaNow(),
      from_seq: place.seq,
      to_seq: page.place.seq,
      changes_since: encodeChangePlace(page.place),
      next_cursor: page.nextCursor,
    };
    return sendPage(context, {rows: page.rows, meta: full, format: asked.format}, sending);
  };
  const description = {
    name: 'fs/changes',
    summary: 'What was created, modified, deleted and moved at or below a path since a `seq`, in order.',
    query: parameters,
    responses: {200: json(z.object({data: z.array(change), meta: changesMeta}), 'The changes.'), 410: gone},
  };
  viewRoute(app, views, description, answer);
}

/** Where to begin. Without a text where the log does; a bare number is one of the store that is there now. Throws BAD_REQUEST. */
export function placeOf(view: View, text: string | undefined): ChangePlace {
  if (text === undefined) return view.reader.read(oldestPlace);
  const place = decodeChangePlace(text);
  if (place) return place.store === '' ? {...place, store: view.reader.read(txn => txn.storeId())} : place;
  throw new FustorError('BAD_REQUEST', `"${text}" is not a place among the changes.`, {
    hint: 'Send "changes_since" or the "seq" of an answer, "next_cursor" of the answer before, or the id of an event.',
  });
}
