import {z} from '@hono/zod-openapi';
import type {ByteString} from '../../../../core/entry/byte-string.ts';
import {type FileTime, type Kind, type KindName, kinds} from '../../../../core/entry/entry.ts';
import {FustorError} from '../../../../core/errors/fustor-error.ts';
import {firstTold, treeTag} from '../../../../core/query/answer-tag.ts';
import {GlobMistake} from '../../../../core/query/glob.ts';
import {readMeta} from '../../../../core/query/meta.ts';
import {type NameMatch, nameMatch} from '../../../../core/query/name-match.ts';
import {fieldsDefault} from '../../../../core/query/node-field.ts';
import {resolve} from '../../../../core/query/resolve.ts';
import {demandStore} from '../../../../core/query/same-store.ts';
import {decodeSearchStart, SearchPage} from '../../../../core/query/search-page.ts';
import {treeFormats} from '../../../../core/query/tree-format.ts';
import {
  booleanParameter,
  integerParameter,
  parseParameters,
  pathParameters,
  readParameters,
  requestedPath,
} from '../../../http/parameters.ts';
import {type GatewayApp, type GatewayContext, type GatewayParts, queryOf} from '../app.ts';
import {isGone} from '../is-gone.ts';
import {askedOf, isKept, notModified} from '../not-modified.ts';
import {sendChunks} from '../send-chunks.ts';
import {syncParameters, syncPoint} from '../sync-point.ts';
import type {View} from '../views.ts';
import {formatOf, formatParameters, requestedFormat} from './format-parameters.ts';
import {inFormats, meta, node, notModifiedAnswer, storeLostAnswer} from './schemas.ts';
import {pathNotFound} from './tree.ts';
import {viewRoute} from './view-route.ts';

const sizeParameter = integerParameter({min: 0, max: Number.MAX_SAFE_INTEGER}).optional();
const kindList = z
  .string()
  .refine(text => text.split(',').every(one => Object.hasOwn(kinds, one)), 'some of file, directory, symlink, other')
  .transform(text => text.split(',').map((one): Kind => kinds[one as KindName]));
const timeParameter = z
  .string()
  .transform(timeOf)
  .refine(time => time !== undefined, 'seconds since 1970 or a date as 2026-01-31T12:00:00Z')
  .optional();

const parameters = z.object({
  ...pathParameters,
  ...syncParameters,
  pattern: z
    .string()
    .optional()
    .describe(
      'With *, ?, [ ], { }, or ** in it: what the whole name is like; without: a part of the name. With a / in it the same of ' +
        'the path, from any folder on when it does not begin with /.',
    ),
  ignore_case: booleanParameter.optional().describe('Default: false.'),
  kind: kindList.optional().describe('Only these, with commas: file, directory, symlink, other.'),
  size_min: sizeParameter.describe('Bytes.'),
  size_max: sizeParameter.describe('Bytes.'),
  modified_after: timeParameter.describe('Seconds since 1970, or a date.'),
  modified_before: timeParameter.describe('Seconds since 1970, or a date.'),
  limit: integerParameter({min: 1, max: 10_000})
    .optional()
    .describe('Entries in one answer, at most about 256 KiB of them; `next_cursor` goes on. Default: 1000.'),
  cursor: z.string().optional().describe('`next_cursor` of the answer before.'),
  format: formatParameters.format,
  fields: formatParameters.fields,
});
const names = Object.keys(parameters.shape);
const limitDefault = 1_000;
const depth = Number.POSITIVE_INFINITY;
const found = node.omit({children: true, continued: true});

/** `GET …/fs/search`: entries below a path by name, kind, size and time. */
export function searchRoutes(app: GatewayApp, {views, clock, ...sending}: GatewayParts): void {
  const answer = async (context: GatewayContext, view: View): Promise<Response> => {
    const asked = parseParameters(readParameters(queryOf(context), names), parameters);
    const path = requestedPath(asked);
    const start = decodeSearchStart(path, asked.cursor);
    if (!start) throw notOfThis('path');
    const filter = {
      kinds: asked.kind ?? [],
      sizeMin: asked.size_min ?? 0,
      sizeMax: asked.size_max ?? Number.POSITIVE_INFINITY,
      modifiedAfter: asked.modified_after,
      modifiedBefore: asked.modified_before,
    };
    const match = matchOf(asked.pattern ?? '', asked.ignore_case ?? false);
    const sync = await syncPoint(context, view, asked);
    const now = () => ({view: view.name, nowMs: clock.now()});
    const begun = view.reader.read(txn => {
      const found = resolve(txn, path);
      const known = readMeta(txn, now(), found);
      const etag = treeTag(txn, {asked: askedOf(context, view), meta: known}, {found, depth});
      return {store: txn.storeId(), isKnown: found.entry !== undefined, first: firstTold(known, depth), etag};
    });
    const store = start.place?.store ?? begun.store;
    if (begun.store !== '' && begun.store !== store) throw notOfThis('store of the view');
    if (!begun.isKnown) return pathNotFound(view, path, clock, sync);
    const etag = asked.sync ? undefined : begun.etag;
    if (etag !== undefined && isKept(context, etag)) return notModified(etag);
    const {format, fields = fieldsDefault.flat} = requestedFormat(asked);
    const writer = treeFormats[format].make(fields);
    const page = new SearchPage({path, limit: asked.limit ?? limitDefault, match, filter, writer}, start, store);
    await sending.turns.whole(() => isGone(context) || view.reader.read(txn => page.slice(txn)));
    const known = view.reader.read(txn => {
      demandStore(txn, store);
      return readMeta(txn, now(), resolve(txn, path));
    });
    const full = {...known, ...begun.first, next_cursor: page.nextCursor, ...sync};
    const chunks = {
      first: [page.end(full)],
      next: () => undefined,
      isDone: true,
      etag,
      ...formatOf(format, () => full),
    };
    return sendChunks(context, chunks, {...sending, view: view.name});
  };
  const description = {
    name: 'fs/search',
    summary: 'Entries below a path by name or path, kind, size and time, as the tree is now.',
    query: parameters,
    responses: {
      200: inFormats(
        z.object({data: z.array(found), meta}),
        'The entries. A page that is full has a `next_cursor`, even if nothing comes behind it.',
      ),
      304: notModifiedAnswer,
      ...storeLostAnswer,
    },
  };
  viewRoute(app, views, description, answer);
}

function notOfThis(what: string): FustorError {
  return new FustorError('BAD_REQUEST', `The cursor does not belong to this ${what}.`, {
    hint: 'Send "next_cursor" of the answer before, with the same "path", or search from the beginning.',
  });
}

function matchOf(pattern: string, ignoresCase: boolean): NameMatch {
  try {
    return nameMatch(pattern as ByteString, {ignoresCase});
  } catch (error) {
    if (!(error instanceof GlobMistake)) throw error;
    throw new FustorError('BAD_REQUEST', `The pattern "${pattern}" ${error.message}.`, {
      hint: 'Shorten it, or ask for what stands between braces in several searches.',
    });
  }
}

/** Undefined when it is neither a number nor a date. */
function timeOf(text: string): FileTime | undefined {
  const [, seconds, decimals = ''] = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  if (seconds !== undefined) return {seconds: Number(seconds), nanos: Number(decimals.padEnd(9, '0'))};
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : {seconds: Math.floor(ms / 1000), nanos: (((ms % 1000) + 1000) % 1000) * 1e6};
}
