import {z} from '@hono/zod-openapi';
import {FustorError} from '../../../../core/errors/fustor-error.ts';
import {type ChangePlace, encodeChangePlace, newestPlace} from '../../../../core/query/change-place.ts';
import {parseParameters, pathParameters, readParameters, requestedPath} from '../../../http/parameters.ts';
import {type GatewayApp, type GatewayContext, type GatewayParts, queryOf} from '../app.ts';
import {sendEvents} from '../send-events.ts';
import type {View} from '../views.ts';
import {type WatchChunk, WatchedView} from '../watched-view.ts';
import {change, gone, placeOf} from './changes.ts';
import {viewRoute} from './view-route.ts';

const parameters = z.object({
  ...pathParameters,
  since: z
    .string()
    .optional()
    .describe(
      '`changes_since` of an answer, or a `seq`: begins behind it. Default: now. The header Last-Event-ID goes before it.',
    ),
});
const names = Object.keys(parameters.shape);

/** More often than any proxy takes silence for death; and this gateway itself, where its `client_timeout` is shorter. */
const heartbeatMsMax = 15_000;
/** How long a client waits before it comes again. */
const retryMs = 1_000;

/**
 * `GET …/fs/watch`: the same changes as `fs/changes`, as they come. The id of an event is where to go on, at any gateway. A
 * stream that cannot go on, because the client was too slow for the log, ends with an event `gone`; one whose key is revoked
 * or may see something else from now on ends, too, and whoever comes again hears why.
 */
export function watchRoutes(
  app: GatewayApp,
  {views, turns, waiting, log, clientTimeoutMs, leaving}: GatewayParts,
): void {
  const heartbeatMs = Math.min(heartbeatMsMax, clientTimeoutMs / 2);
  const watched = new Map<View, WatchedView>();
  const watchedOf = (view: View): WatchedView => {
    const known = watched.get(view) ?? new WatchedView(view.reader);
    watched.set(view, known);
    return known;
  };

  const answer = async (context: GatewayContext, view: View): Promise<Response> => {
    const asked = parseParameters(readParameters(queryOf(context), names), parameters);
    const path = requestedPath(asked);
    const since = context.req.header('last-event-id') || asked.since;
    const place = since === undefined ? view.reader.read(newestPlace) : placeOf(view, since);
    const feed = watchedOf(view);
    const chunkAt = (from: ChangePlace) => turns.first(() => feed.chunk(path, from));
    const first = await chunkAt(place);
    const revoked = context.get('revoked');
    const events = (hungUp: AbortSignal) =>
      follow({
        ...{place, first, chunkAt, news: feed.news.bind(feed), heartbeatMs},
        signal: AbortSignal.any([hungUp, revoked, leaving]),
      });
    return sendEvents(context, events, {turns, waiting, log, view: view.name});
  };
  const description = {
    name: 'fs/watch',
    summary: 'What changes at or below a path, as server-sent events: the data of each is a Change.',
    query: parameters,
    responses: {
      200: {description: 'Events until somebody hangs up.', content: {'text/event-stream': {schema: change}}},
      410: gone,
    },
  };
  viewRoute(app, views, description, answer);
}

type Following = {
  place: ChangePlace;
  first: WatchChunk;
  chunkAt: (place: ChangePlace) => Promise<WatchChunk>;
  news: WatchedView['news'];
  heartbeatMs: number;
  signal: AbortSignal;
};

async function* follow({place, first, chunkAt, news, heartbeatMs, signal}: Following): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`retry: ${retryMs}\nid: ${encodeChangePlace(place)}\n\n`);
  for (let chunk = first; ; ) {
    if (chunk.bytes.byteLength > 0) yield chunk.bytes;
    const hasNews = !chunk.isAtEnd || (await news(chunk.now, {ms: heartbeatMs, signal}));
    if (signal.aborted) {
      yield comment('come again', chunk.place);
      return;
    }
    if (!hasNews) yield comment('still here', chunk.place);
    try {
      chunk = await chunkAt(chunk.place);
    } catch (error) {
      if (!(error instanceof FustorError)) throw error;
      yield Buffer.from(`event: gone\ndata: ${JSON.stringify(error.toBody())}\n\n`);
      return;
    }
  }
}

/** Nothing to tell, but how far the changes of other paths have come: they need not be looked at again. */
function comment(text: string, place: ChangePlace): Buffer {
  return Buffer.from(`: ${text}\nid: ${encodeChangePlace(place)}\n\n`);
}
