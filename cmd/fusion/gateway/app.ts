import type {HttpBindings} from '@hono/node-server';
import {OpenAPIHono} from '@hono/zod-openapi';
import type {Context, Next} from 'hono';
import {matchedRoutes} from 'hono/route';
import type {ErrorCode} from '../../../core/errors/codes.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Log} from '../../../core/log/log.ts';
import type {Clock} from '../../../core/time/clock.ts';
import {version} from '../../version.ts';
import type {Bodies} from './bodies.ts';
import {type Key, type KeyRing, mayFeed, mayQuery} from './keys.ts';
import type {GatewayMetrics} from './metrics.ts';
import {jobRoutes} from './routes/jobs.ts';
import {listRoutes} from './routes/lists.ts';
import {operationsRoutes} from './routes/operations.ts';
import {pipeRoutes} from './routes/pipe.ts';
import {statRoutes} from './routes/stat.ts';
import {statusRoutes} from './routes/status.ts';
import {treeRoutes} from './routes/tree.ts';
import {viewsRoutes} from './routes/views.ts';
import type {Turns} from './turns.ts';
import type {Views} from './views.ts';
import type {WaitingClients} from './waiting-clients.ts';

/** Seconds after which it is worth to ask again. */
const retryAfter: Partial<Record<ErrorCode, number>> = {
  ENGINE_UNAVAILABLE: 1,
  OVERLOADED: 1,
  STORE_FULL: 5,
  TOO_MANY_JOBS: 5,
};

export type GatewayParts = {
  keys: KeyRing;
  views: Views;
  clock: Clock;
  log: Log;
  metrics: GatewayMetrics;
  turns: Turns;
  waiting: WaitingClients;
  bodies: Bodies;
  runDirectory: string;
  /** Aborts when this gateway is to end: what can be answered at once is. */
  leaving: AbortSignal;
};

/** `Bindings` are Node's own request and response; without a real server there are none. */
export type GatewayEnv = {Variables: {key: Key}; Bindings: HttpBindings};
export type GatewayApp = OpenAPIHono<GatewayEnv>;
export type GatewayContext = Context<GatewayEnv>;

/** The HTTP API of a fusion, made from parts; it does not listen by itself. */
export function createApp(parts: GatewayParts): GatewayApp {
  const {keys, log, metrics} = parts;
  const app: GatewayApp = new OpenAPIHono<GatewayEnv>();

  app.use('*', async (context, next) => {
    const startedAt = performance.now();
    await next();
    const route = routeOf(context);
    metrics.requests.inc({route, method: context.req.method, status: context.res.status});
    metrics.seconds.observe({route}, (performance.now() - startedAt) / 1000);
  });

  const allow = (isAllowed: (key: Key) => boolean, what: string) => async (context: GatewayContext, next: Next) => {
    const key = keys.authenticate({
      authorization: context.req.header('authorization'),
      apiKey: context.req.header('x-api-key'),
    });
    if (!isAllowed(key)) {
      throw new FustorError('FORBIDDEN', `The key "${key.name}" has the role ${key.role} and may not ${what}.`, {
        hint: 'Use a key of another role.',
      });
    }
    context.set('key', key);
    await next();
  };
  app.use('/api/v1/pipe/*', allow(mayFeed, 'report changes'));
  for (const path of ['fs/*', 'views', 'views/*', 'status', 'jobs', 'jobs/*'].map(rest => `/api/v1/${rest}`)) {
    app.use(path, allow(mayQuery, 'query'));
  }

  viewsRoutes(app, parts);
  treeRoutes(app, parts);
  statRoutes(app, parts);
  statusRoutes(app, parts);
  listRoutes(app, parts);
  jobRoutes(app, parts);
  pipeRoutes(app, parts);
  operationsRoutes(app, parts);

  // Made once: it takes as long as hundreds of queries, and anybody may ask for it.
  let document: string | undefined;
  const makeDocument = () =>
    app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: {
        title: 'Fustor',
        version,
        description: 'One consistent, queryable tree of a storage that many hosts mount.',
      },
      security: [{bearer: []}, {apiKey: []}],
    });
  app.get('/openapi.json', () => {
    document ??= JSON.stringify(makeDocument());
    return new Response(document, {headers: {'content-type': 'application/json'}});
  });
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {type: 'http', scheme: 'bearer'});
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {type: 'apiKey', in: 'header', name: 'X-API-Key'});

  app.notFound(context => {
    const error = new FustorError('ROUTE_NOT_FOUND', `There is no ${context.req.method} ${context.req.path}.`, {
      hint: 'See /openapi.json.',
    });
    return context.json(error.toBody(), 404);
  });
  app.onError((error, context) => {
    if (error instanceof FustorError) {
      const headers = retryHeaders(error.code);
      if (error.status === 401) headers['www-authenticate'] = 'Bearer';
      return context.json(error.toBody(), error.status as 400, headers);
    }
    log.error({error: error.stack ?? String(error), path: context.req.path}, 'internal error');
    return context.json(new FustorError('INTERNAL', 'The gateway failed; its log has the details.').toBody(), 500);
  });
  return app;
}

/** For an error that another try may not meet. */
export function retryHeaders(code: string | undefined): Record<string, string> {
  const seconds = retryAfter[code as ErrorCode];
  return seconds === undefined ? {} : {'retry-after': String(seconds)};
}

/** As it was registered, never as it was asked: whoever asks for many paths must not make as many metrics. */
function routeOf(context: GatewayContext): string {
  const {path} = matchedRoutes(context).at(-1)!;
  return path.endsWith('*') ? 'unknown' : path.replace(/:(\w+)/, '{$1}');
}

/** What follows the first `?` of a request. */
export function queryOf(context: GatewayContext): string {
  const {url} = context.req;
  const at = url.indexOf('?');
  return at === -1 ? '' : url.slice(at + 1);
}
