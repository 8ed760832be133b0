import {RESPONSE_ALREADY_SENT} from '@hono/node-server/utils/response';
import type {MiddlewareHandler} from 'hono';
import type {GatewayContext, GatewayEnv} from './app.ts';
import type {View} from './views.ts';

/** Who keeps an answer asks again before he uses it; and what one key may see is nothing for another. */
const keeping = {'cache-control': 'private, no-cache', vary: 'accept-encoding, authorization, x-api-key'};

/** What says nothing else of how it may be kept is of one key, too: errors, the state of a view, what the controller tells. */
export const keepWithKey: MiddlewareHandler<GatewayEnv> = async (context, next) => {
  await next();
  const {res} = context;
  if (res === RESPONSE_ALREADY_SENT || res.headers.has('cache-control')) return;
  for (const [name, value] of Object.entries(keeping)) res.headers.set(name, value);
};

/** Of all answers about a view. */
export function viewHeaders(etag: string | undefined): Record<string, string> {
  return etag === undefined ? keeping : {...keeping, etag};
}

/** Whether the client has what this tag is of: `If-None-Match` with it, whether weak or not, or with `*`. */
export function isKept({req}: GatewayContext, etag: string): boolean {
  const sent = req.header('if-none-match');
  if (sent === undefined) return false;
  if (sent.trim() === '*') return true;
  const tags: readonly string[] = sent.match(/"[^"]*"/g) ?? [];
  return tags.includes(opaqueOf(etag));
}

export function notModified(etag: string): Response {
  return new Response(null, {status: 304, headers: viewHeaders(etag)});
}

/** What an answer depends on besides what the view holds. */
export function askedOf({req}: GatewayContext, view: View): string {
  const {url} = req;
  const at = url.indexOf('?');
  return `${view.name} ${req.path.slice(req.path.lastIndexOf('/fs/'))} ${at === -1 ? '' : url.slice(at)}`;
}

/** Without what marks it as weak: `W/"a"` and `"a"` are equal when it is asked for `If-None-Match`. */
function opaqueOf(etag: string): string {
  return etag.slice(etag.indexOf('"'));
}
