import {OpenAPIHono} from '@hono/zod-openapi';
import type {Context} from 'hono';
import type {Controller} from '../../core/control/controller.ts';
import type {ErrorCode} from '../../core/errors/codes.ts';
import type {Log} from '../../core/log/log.ts';
import {type ApiEnv, answerErrors, demandKey, describeApi, measure} from '../http/api.ts';
import {type KeyRing, mayFeed, mayOrder, mayQuery} from '../http/keys.ts';
import {operationsRoutes} from '../http/operations.ts';
import type {ControllerMetrics} from './metrics.ts';
import {agentRoutes} from './routes/agents.ts';
import {describeControl} from './routes/description.ts';
import {type GitParts, gitRoutes} from './routes/git.ts';
import {describeGit} from './routes/git-description.ts';
import {heartbeatRoutes} from './routes/heartbeat.ts';

/** Seconds. */
const retryAfter: Partial<Record<ErrorCode, number>> = {TOO_MANY_COMMANDS: 5, STORE_FULL: 10};

export type ControllerAppParts = {
  controller: Controller;
  keys: KeyRing;
  log: Log;
  metrics: ControllerMetrics;
  /** Where the desired state comes from, if it comes from Git. */
  git?: GitParts | undefined;
  /** Aborts when this controller is to end: held heartbeats are answered. */
  leaving: AbortSignal;
};

export type ControllerApp = OpenAPIHono<ApiEnv>;
export type ControllerContext = Context<ApiEnv>;

/** The HTTP API of a controller, made from parts; it does not listen by itself. */
export function createControllerApp(parts: ControllerAppParts): ControllerApp {
  const {controller, keys, log, metrics, leaving} = parts;
  const app: ControllerApp = new OpenAPIHono<ApiEnv>();
  app.use('*', measure(metrics));
  const allow = demandKey(keys);
  app.use('/api/v1/control/*', allow(mayFeed, 'report how an agent is'));
  for (const path of ['/api/v1/agents', '/api/v1/agents/*']) app.use(path, allow(mayQuery, 'look at agents'));
  app.on('POST', '/api/v1/agents/*', allow(mayOrder, 'order commands'));
  app.use('/api/v1/git/sync', allow(mayOrder, 'have Git looked at'));

  heartbeatRoutes(app, parts);
  agentRoutes(app, parts);
  gitRoutes(app, parts);
  operationsRoutes(app, {
    facts: () => ({agents: controller.counts()}),
    metrics: () => metrics.registry.metrics(),
    leaving,
  });
  describeControl(app);
  describeGit(app);
  describeApi(app, 'How every agent is, and what operators have done to them.');
  answerErrors(app, {log, retryAfter, what: 'controller'});
  return app;
}
