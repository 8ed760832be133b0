import {OpenAPIHono} from '@hono/zod-openapi';
import type {Context} from 'hono';
import type {ErrorCode} from '../../../core/errors/codes.ts';
import type {Log} from '../../../core/log/log.ts';
import type {Clock} from '../../../core/time/clock.ts';
import {type ApiEnv, answerErrors, demandKey, describeApi, measure} from '../../http/api.ts';
import {type KeyRing, mayFeed, mayQuery} from '../../http/keys.ts';
import {operationsRoutes} from '../../http/operations.ts';
import type {Bodies} from './bodies.ts';
import type {GatewayMetrics} from './metrics.ts';
import {keepWithKey} from './not-modified.ts';
import {readyFacts} from './ready-facts.ts';
import {changesRoutes} from './routes/changes.ts';
import {controlRoutes} from './routes/control.ts';
import {jobRoutes} from './routes/jobs.ts';
import {listRoutes} from './routes/lists.ts';
import {pipeRoutes} from './routes/pipe.ts';
import {searchRoutes} from './routes/search.ts';
import {statRoutes} from './routes/stat.ts';
import {statsRoutes} from './routes/stats.ts';
import {statusRoutes} from './routes/status.ts';
import {treeRoutes} from './routes/tree.ts';
import {viewsRoutes} from './routes/views.ts';
import {watchRoutes} from './routes/watch.ts';
import type {Turns} from './turns.ts';
import type {Views} from './views.ts';
import type {WaitingClients} from './waiting-clients.ts';

/** Seconds after which it is worth to ask again. */
const retryAfter: Partial<Record<ErrorCode, number>> = {
  ENGINE_UNAVAILABLE: 1,
  OVERLOADED: 1,
  STORE_FULL: 5,
  STORE_FAILED: 2,
  CONTROLLER_UNAVAILABLE: 5,
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
  /** Who makes no progress for this long is disconnected. */
  clientTimeoutMs: number;
  runDirectory: string;
  /** Aborts when this gateway is to end: what can be answered at once is. */
  leaving: AbortSignal;
  /** Of the controller that this fusion embeds. */
  controllerSocket?: string | undefined;
};

export type GatewayEnv = ApiEnv;
export type GatewayApp = OpenAPIHono<GatewayEnv>;
export type GatewayContext = Context<GatewayEnv>;
export {queryOf} from '../../http/api.ts';

/** The HTTP API of a fusion, made from parts; it does not listen by itself. */
export function createApp(parts: GatewayParts): GatewayApp {
  const {keys, log, metrics} = parts;
  const app: GatewayApp = new OpenAPIHono<GatewayEnv>();

  app.use('*', measure(metrics));
  app.use('/api/v1/*', keepWithKey);
  const allow = demandKey(keys);
  app.use('/api/v1/pipe/*', allow(mayFeed, 'report changes'));
  for (const path of ['fs/*', 'views', 'views/*', 'status', 'jobs', 'jobs/*'].map(rest => `/api/v1/${rest}`)) {
    app.use(path, allow(mayQuery, 'query'));
  }

  viewsRoutes(app, parts);
  treeRoutes(app, parts);
  statRoutes(app, parts);
  statsRoutes(app, parts);
  searchRoutes(app, parts);
  changesRoutes(app, parts);
  watchRoutes(app, parts);
  statusRoutes(app, parts);
  listRoutes(app, parts);
  jobRoutes(app, parts);
  pipeRoutes(app, parts);
  controlRoutes(app, parts);
  operationsRoutes(app, {
    facts: () => readyFacts(parts),
    metrics: () => metrics.gather(parts.runDirectory),
    leaving: parts.leaving,
  });

  describeApi(app, 'One consistent, queryable tree of a storage that many hosts mount.');
  answerErrors(app, {log, retryAfter, what: 'gateway'});
  return app;
}

/** For an error that another try may not meet. */
export function retryHeaders(code: string | undefined): Record<string, string> {
  const seconds = retryAfter[code as ErrorCode];
  return seconds === undefined ? {} : {'retry-after': String(seconds)};
}
