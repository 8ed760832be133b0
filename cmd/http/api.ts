import type {HttpBindings} from '@hono/node-server';
import {RESPONSE_ALREADY_SENT} from '@hono/node-server/utils/response';
import type {OpenAPIHono, z} from '@hono/zod-openapi';
import type {Context, MiddlewareHandler} from 'hono';
import {matchedRoutes} from 'hono/route';
import type {ErrorCode} from '../../core/errors/codes.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {AuditFacts} from '../../core/identity/audit-log.ts';
import type {Log} from '../../core/log/log.ts';
import {version} from '../version.ts';
import type {Key, KeyRing, SentKey} from './keys.ts';
import type {RequestMetrics} from './request-metrics.ts';

/** What all APIs have in common. `Bindings` are Node's own request and response; without a real server there are none. */
export type ApiEnv = {
  Variables: {
    key: Key;
    /** Aborts when that key does not count any more: who is kept waiting is answered. */
    revoked: AbortSignal;
    /** What the controller's audit log says of this request. */
    audit: AuditFacts | undefined;
  };
  Bindings: HttpBindings;
};

/** Seconds after which it is worth to ask again. */
export type RetryAfter = Partial<Record<ErrorCode, number>>;

/**
 * Makes checks of a request's key, which it leaves in the context: `demand(isAllowed, what the others may not)`. `check` looks
 * at what else came with a key.
 */
export function demandKey(keys: KeyRing, check: (context: Context<ApiEnv>, key: Key) => void = () => {}) {
  return (isAllowed: (key: Key) => boolean, what: string): MiddlewareHandler<ApiEnv> =>
    async (context, next) => {
      const {key, revoked} = keys.authenticate(sentBy(context));
      context.set('key', key);
      check(context, key);
      context.set('revoked', revoked);
      if (!isAllowed(key)) {
        throw new FustorError('FORBIDDEN', `The key "${key.name}" has the role ${key.role} and may not ${what}.`, {
          hint: 'Use a key of another role.',
        });
      }
      await next();
      // What else a key has asked for is done and told, also when that was its own end.
      if (revoked.aborted && key.node)
        throw new FustorError('UNAUTHENTICATED', `The token of ${key.name} was revoked.`);
    };
}

export function sentBy({req}: Context<ApiEnv>): SentKey {
  return {authorization: req.header('authorization'), apiKey: req.header('x-api-key')};
}

/** Aborts when an answer is not to be kept back any longer: nobody waits for it, or nobody may. */
export function mayWait(context: Context<ApiEnv>, leaving: AbortSignal): AbortSignal {
  return AbortSignal.any([context.req.raw.signal, context.get('revoked'), leaving]);
}

/** Counts and times all requests. */
export function measure(metrics: RequestMetrics): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const startedAt = performance.now();
    await next();
    const route = routeOf(context);
    const {method} = context.req;
    const note = (status: number) => {
      metrics.requests.inc({route, method, status});
      metrics.seconds.observe({route}, (performance.now() - startedAt) / 1000);
    };
    // This one stands for an answer that goes its own way, and may come much later.
    const outgoing = context.res === RESPONSE_ALREADY_SENT ? context.env.outgoing : undefined;
    if (outgoing) outgoing.once('close', () => note(outgoing.statusCode));
    else note(context.res.status);
  };
}

/** What goes with an error. */
export function errorHeaders({code, status}: FustorError, retryAfter: RetryAfter): Record<string, string> {
  const seconds = retryAfter[code];
  return {
    ...(seconds !== undefined && {'retry-after': String(seconds)}),
    ...(status === 401 && {'www-authenticate': 'Bearer'}),
  };
}

/** Errors as `{"error": …}`, with the header `Retry-After` where `retryAfter` has seconds. `what` answers here. */
export function answerErrors(
  app: OpenAPIHono<ApiEnv>,
  {log, retryAfter, what}: {log: Log; retryAfter: RetryAfter; what: string},
): void {
  app.notFound(context => {
    const error = new FustorError('ROUTE_NOT_FOUND', `There is no ${context.req.method} ${context.req.path}.`, {
      hint: 'See /openapi.json.',
    });
    return context.json(error.toBody(), 404);
  });
  app.onError((error, context) => {
    if (error instanceof FustorError) {
      return context.json(error.toBody(), error.status as 400, errorHeaders(error, retryAfter));
    }
    log.error({error: error.stack ?? String(error), path: context.req.path}, 'internal error');
    return context.json(new FustorError('INTERNAL', `The ${what} failed; its log has the details.`).toBody(), 500);
  });
}

/** `/openapi.json`, made once: it takes as long as hundreds of queries, and anybody may ask for it. */
export function describeApi(app: OpenAPIHono<ApiEnv>, description: string): void {
  let document: string | undefined;
  app.get('/openapi.json', () => {
    document ??= JSON.stringify(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {title: 'Fustor', version, description},
        security: [{bearer: []}, {apiKey: []}],
      }),
    );
    return new Response(document, {headers: {'content-type': 'application/json'}});
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {type: 'http', scheme: 'bearer'});
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {type: 'apiKey', in: 'header', name: 'X-API-Key'});
}

/** An answer, for `/openapi.json`. */
export function json(schema: z.ZodType, description: string) {
  return {description, content: {'application/json': {schema}}};
}

/** What follows the first `?` of a request. */
export function queryOf(context: Context<ApiEnv>): string {
  const {url} = context.req;
  const at = url.indexOf('?');
  return at === -1 ? '' : url.slice(at + 1);
}

/** As it was registered, never as it was asked: whoever asks for many paths must not make as many metrics. */
export function routeOf(context: Context<ApiEnv>): string {
  const {path} = matchedRoutes(context).at(-1)!;
  return path.endsWith('*') ? 'unknown' : path.replace(/:(\w+)/g, '{$1}');
}
