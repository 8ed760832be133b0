import {OpenAPIHono} from '@hono/zod-openapi';
import type {Context} from 'hono';
import type {Controller} from '../../core/control/controller.ts';
import type {Health} from '../../core/control/health/health.ts';
import type {ErrorCode} from '../../core/errors/codes.ts';
import type {Log} from '../../core/log/log.ts';
import {type ApiEnv, answerErrors, demandKey, describeApi, measure} from '../http/api.ts';
import {type KeyRing, mayAdminister, mayFeed, mayOrder, mayQuery} from '../http/keys.ts';
import {operationsRoutes} from '../http/operations.ts';
import type {Backup} from './backup.ts';
import type {ControllerMetrics} from './metrics.ts';
import {backupRoutes} from './routes/backup.ts';
import {describeControl} from './routes/description.ts';
import {healthRoutes} from './routes/health.ts';
import {heartbeatRoutes} from './routes/heartbeat.ts';
import {nodeRoutes} from './routes/nodes.ts';

/** Seconds. */
const retryAfter: Partial<Record<ErrorCode, number>> = {TOO_MANY_COMMANDS: 5, STORE_FULL: 10};

/** What readers may see. */
const lookedAt = [
  ...['/api/v1/agents', '/api/v1/agents/*', '/api/v1/fusions', '/api/v1/fusions/*', '/api/v1/pipes', '/api/v1/pipes/*'],
  ...['/api/v1/control/views', '/api/v1/control/sessions', '/api/v1/problems'],
];

export type ControllerAppParts = {
  controller: Controller;
  health: Health;
  /** Undefined: it keeps everything in memory. */
  backup?: Backup | undefined;
  keys: KeyRing;
  log: Log;
  metrics: ControllerMetrics;
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
  app.use('/api/v1/control/heartbeat', allow(mayFeed, 'report how an agent is'));
  for (const path of lookedAt) app.use(path, allow(mayQuery, 'look at agents'));
  app.on('POST', ['/api/v1/agents/*', '/api/v1/fusions/*'], allow(mayOrder, 'order commands'));
  app.use('/api/v1/backup', allow(mayAdminister, 'take a backup'));

  heartbeatRoutes(app, parts);
  nodeRoutes(app, parts);
  healthRoutes(app, parts);
  backupRoutes(app, parts);
  operationsRoutes(app, {
    facts: () => ({agents: controller.counts()}),
    metrics: () => metrics.registry.metrics(),
    leaving,
  });
  describeControl(app);
  describeApi(app, 'How every agent is, and what operators have done to them.');
  answerErrors(app, {log, retryAfter, what: 'controller'});
  return app;
}
