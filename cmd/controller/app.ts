import {OpenAPIHono} from '@hono/zod-openapi';
import type {Context} from 'hono';
import type {Controller} from '../../core/control/controller.ts';
import type {Health} from '../../core/control/health/health.ts';
import type {Log} from '../../core/log/log.ts';
import type {Clock} from '../../core/time/clock.ts';
import {type ApiEnv, answerErrors, demandKey, describeApi, measure, type RetryAfter} from '../http/api.ts';
import {type Key, type KeyRing, mayAdminister, mayOrder, mayQuery, mayReport, seesAll} from '../http/keys.ts';
import {operationsRoutes} from '../http/operations.ts';
import {auditRequests} from './audit.ts';
import type {Backup} from './backup.ts';
import type {DesiredParts} from './desired-parts.ts';
import {checkClientCertificate} from './identity/client-certificate.ts';
import type {IdentityParts} from './identity/identity-parts.ts';
import type {ControllerMetrics} from './metrics.ts';
import {auditRoutes} from './routes/audit.ts';
import {backupRoutes} from './routes/backup.ts';
import {configRoutes} from './routes/configs.ts';
import {describeControl} from './routes/description.ts';
import {describeDesired} from './routes/desired-description.ts';
import {enrolmentRoutes} from './routes/enrolment.ts';
import {type GitParts, gitRoutes} from './routes/git.ts';
import {describeGit} from './routes/git-description.ts';
import {healthRoutes} from './routes/health.ts';
import {heartbeatRoutes} from './routes/heartbeat.ts';
import {identityRoutes} from './routes/identities.ts';
import {describeIdentity} from './routes/identity-description.ts';
import {keyRoutes} from './routes/keys.ts';
import {nodeRoutes} from './routes/nodes.ts';
import {registryRoutes} from './routes/registry.ts';
import {revisionRoutes} from './routes/revisions.ts';

const retryAfter: RetryAfter = {TOO_MANY_COMMANDS: 5, STORE_FULL: 10};

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
  identity: IdentityParts;
  desired: DesiredParts;
  clock: Clock;
  log: Log;
  metrics: ControllerMetrics;
  /** Where the desired state comes from, if it comes from Git. */
  git?: GitParts | undefined;
  /** Aborts when this controller is to end: held heartbeats are answered. */
  leaving: AbortSignal;
};

export type ControllerApp = OpenAPIHono<ApiEnv>;
export type ControllerContext<P extends string = string> = Context<ApiEnv, P>;

/** The HTTP API of a controller, made from parts; it does not listen by itself. */
export function createControllerApp(parts: ControllerAppParts): ControllerApp {
  const {controller, keys, identity, clock, log, metrics, leaving} = parts;
  const app: ControllerApp = new OpenAPIHono<ApiEnv>();
  app.use('*', measure(metrics));
  app.use('/api/v1/*', auditRequests({audit: identity.audit, clock, log}));
  const allow = demandKey(keys, checkClientCertificate(identity.identities));
  for (const name of ['heartbeat', 'renew'])
    app.use(`/api/v1/control/${name}`, allow(mayReport, 'report how a node is'));
  for (const name of ['keys', 'credentials', 'enroll-tokens', 'identities', 'audit']) {
    for (const path of [`/api/v1/${name}`, `/api/v1/${name}/*`]) {
      app.on('GET', path, allow(mayOrder, 'look at who may do what'));
      app.on(['POST', 'DELETE'], path, allow(mayAdminister, 'say who may do what'));
    }
  }
  app.use('/api/v1/registry/*', allow(mayQuery, 'look at what the nodes should do'));
  // Their messages, problems and nodes are of all views.
  for (const [name, what] of [
    ['desired', 'the desired state as a whole'],
    ['revisions', 'revisions of the desired state'],
    ['manifests/*', 'manifests'],
  ]) {
    const mayLook = (key: Key) => mayQuery(key) && seesAll(key);
    app.use(`/api/v1/${name}`, allow(mayLook, `look at ${what}, unless its views are "*"`));
  }
  app.use('/api/v1/revisions/:revision/*', allow(mayOrder, 'look at files of the configuration'));
  for (const name of ['apply', 'rollback', 'release'])
    app.use(`/api/v1/${name}`, allow(mayOrder, 'say what the nodes should do'));
  app.use(
    '/api/v1/control/configs/*',
    allow(key => mayReport(key) || mayOrder(key), 'see configurations'),
  );
  for (const path of lookedAt) app.use(path, allow(mayQuery, 'look at agents'));
  app.on('POST', ['/api/v1/agents/*', '/api/v1/fusions/*'], allow(mayOrder, 'order commands'));
  // What came of one may be the log of any pipe.
  for (const path of ['/api/v1/agents/:id/commands/*', '/api/v1/fusions/:id/commands/*'])
    app.on('GET', path, allow(seesAll, 'look at commands, unless its views are "*"'));
  app.use('/api/v1/backup', allow(mayAdminister, 'take a backup'));
  app.use('/api/v1/git/sync', allow(mayOrder, 'have Git looked at'));

  heartbeatRoutes(app, {...parts, retryAfter});
  nodeRoutes(app, parts);
  revisionRoutes(app, parts);
  configRoutes(app, {...parts, retryAfter});
  registryRoutes(app, parts);
  healthRoutes(app, parts);
  backupRoutes(app, parts);
  enrolmentRoutes(app, parts);
  identityRoutes(app, parts);
  keyRoutes(app, parts);
  auditRoutes(app, parts);
  gitRoutes(app, parts);
  operationsRoutes(app, {
    facts: () => ({agents: controller.counts()}),
    metrics: () => metrics.registry.metrics(),
    leaving,
  });
  describeControl(app);
  describeIdentity(app);
  describeGit(app);
  describeDesired(app);
  describeApi(app, 'How every agent is, and what operators have done to them.');
  answerErrors(app, {log, retryAfter, what: 'controller'});
  return app;
}
