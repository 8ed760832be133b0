import {z} from 'zod';
import {group, list, type Named, named} from './groups.ts';
import {
  apiKey,
  byteSize,
  choice,
  duration,
  flag,
  folderInside,
  gitBranch,
  gitUrl,
  httpUrl,
  integer,
  type ListenAddress,
  listenAddress,
  name,
  text,
  viewNameOrAll,
} from './values.ts';

/**
 * The one format of Fustor's configuration. A file may hold several roles; each program takes its own sections.
 *
 * Written settings are snake_case and carry their unit in the value (`cache_window: 120s`); parsed ones are camelCase and
 * carry it in the name (`cacheWindowMs`). What is named in the file (views, sources, senders, pipes) becomes a list whose
 * items know their name: it travels as JSON, keeps its order, and a name such as `constructor` cannot be found by accident.
 */

export type {ListenAddress};
export type LogLevel = z.output<typeof logLevel>;
export type FusionConfig = z.output<typeof fusion>;
export type KeyConfig = z.output<typeof key>;
export type Role = KeyConfig['role'];
export type ControllerConfig = z.output<typeof controller>;
export type ControllerTlsConfig = z.output<typeof controllerTls>;
export type GitConfig = z.output<typeof git>;
export type ViewConfig = Named<z.output<typeof view>>;
export type AgentConfig = z.output<typeof agent>;
export type SupervisionConfig = z.output<typeof supervision>;
export type PipeSupervisionConfig = z.output<typeof supervisionOfPipes>;
export type SourceConfig = Named<z.output<typeof source>>;
export type SenderConfig = Named<z.output<typeof sender>>;
export type PipeConfig = Named<z.output<typeof pipe>>;
export type FustorConfig = z.output<typeof configSchema>;

export const logLevel = choice('trace', 'debug', 'info', 'warn', 'error', 'fatal');

const limits = {
  memory_max: byteSize({min: '64MiB', max: '1024GiB'}).default(2 * 2 ** 30),
  unanswering_after: duration({min: '1s', max: '1h'}).default(10_000),
  stalled_after: duration({min: '1s', max: '1d'}).default(300_000),
  soak: duration({min: '1s', max: '1d'}).default(30_000),
};

/** When a shell ends a part and starts it again. */
export const supervision = group(limits).transform(readLimits);

/** And when it gives up. */
export const supervisionOfPipes = group({
  ...limits,
  quarantine_deaths: integer({min: 1, max: 1_000_000}).default(5),
  quarantine_window: duration({min: '1s', max: '30d'}).default(600_000),
}).transform(({quarantine_deaths, quarantine_window, ...rest}) => ({
  ...readLimits(rest),
  quarantineDeaths: quarantine_deaths,
  quarantineWindowMs: quarantine_window,
}));

function readLimits(settings: {memory_max: number; unanswering_after: number; stalled_after: number; soak: number}) {
  return {
    /** Bytes of its own, without mapped files. */
    memoryBytesMax: settings.memory_max,
    unansweringAfterMs: settings.unanswering_after,
    stalledAfterMs: settings.stalled_after,
    /** So long a changed configuration must be healthy before it is what is gone back to. */
    soakMs: settings.soak,
  };
}

/** Where the controller of a node is; both or neither. */
const controlPlane = {
  control_plane_uri: httpUrl.optional(),
  auth_token: apiKey.optional(),
};

export function checkControlPlane(
  {control_plane_uri, auth_token}: {control_plane_uri?: string | undefined; auth_token?: string | undefined},
  context: z.core.$RefinementCtx,
): void {
  if ((control_plane_uri === undefined) === (auth_token === undefined)) return;
  const [missing, given] =
    auth_token === undefined ? ['auth_token', 'control_plane_uri'] : ['control_plane_uri', 'auth_token'];
  context.addIssue({code: 'custom', path: [missing], message: `both or neither: ${given} is set`});
}

export const fusionLimits = {
  gateways: integer({min: 1, max: 64}).default(2),
  client_timeout: duration({min: '1s', max: '1d'}).default(120_000),
  supervision: supervision.prefault({}),
  log_level: logLevel.default('info'),
};

/** Files in PEM. */
export const serverFiles = group({certificate: text, key: text});
export type ServerFiles = z.output<typeof serverFiles>;

const fusion = group({
  id: name.optional(),
  ...controlPlane,
  listen: listenAddress.default({host: '127.0.0.1', port: 8102}),
  data: text,
  tls: serverFiles.optional(),
  ...fusionLimits,
  embed_controller: flag.default(false),
})
  .superRefine((settings, context) => {
    checkControlPlane(settings, context);
    if (settings.control_plane_uri === undefined || settings.id !== undefined) return;
    context.addIssue({code: 'custom', path: ['id'], message: 'a name for this fusion: control_plane_uri is set'});
  })
  .transform(({client_timeout, embed_controller, log_level, control_plane_uri: url, auth_token: key, ...rest}) => ({
    ...rest,
    clientTimeoutMs: client_timeout,
    embedsController: embed_controller,
    /** Undefined: its configuration is all its own, unless it embeds a controller. */
    controlPlane: url !== undefined && key !== undefined ? {url, key} : undefined,
    logLevel: log_level,
  }));

/** `true` is the group with nothing in it. */
const controllerTls = z.preprocess(
  value => (value === true ? {} : value),
  group({
    certificate: text.optional(),
    key: text.optional(),
    names: list(text, 'a list of names and addresses').optional(),
    certificate_lifetime: duration({min: '3s', max: '3650d'}).default(30 * 86_400_000),
  })
    .superRefine(({certificate, key}, context) => {
      if ((certificate === undefined) === (key === undefined)) return;
      const [missing, given] = key === undefined ? ['key', 'certificate'] : ['certificate', 'key'];
      context.addIssue({code: 'custom', path: [missing], message: `both or neither: ${given} is set`});
    })
    .transform(({certificate, key, names, certificate_lifetime}) => ({
      /** Of the server. Undefined: the controller makes it itself. */
      files: certificate !== undefined && key !== undefined ? {certificate, key} : undefined,
      /** Undefined: those of this host. */
      names,
      certificateLifetimeMs: certificate_lifetime,
    })),
);

const git = group({
  url: gitUrl,
  branch: gitBranch.default('main'),
  path: folderInside.default(''),
  interval: duration({min: '1s', max: '1d'}).default(30_000),
  timeout: duration({min: '1s', max: '1h'}).default(60_000),
  signed_only: flag.default(false),
  allowed_signers: text.optional(),
  webhook_secret: apiKey.optional(),
}).transform(({interval, timeout, signed_only, allowed_signers, webhook_secret, ...rest}) => ({
  ...rest,
  intervalMs: interval,
  timeoutMs: timeout,
  takesSignedOnly: signed_only,
  /** Undefined: those of git's own configuration. */
  allowedSigners: allowed_signers,
  /** Undefined: there is no webhook. */
  webhookSecret: webhook_secret,
}));

const controller = group({
  listen: listenAddress.default({host: '127.0.0.1', port: 8101}),
  data: text,
  tls: controllerTls.optional(),
  git: git.optional(),
  log_level: logLevel.default('info'),
}).transform(({log_level, ...rest}) => ({...rest, logLevel: log_level}));

/** The views that a key opens: `"*"` (or a list with it) is every view, also those that are added later. */
export const keyViews = z
  .preprocess(value => (value === '*' ? [value] : value), list(viewNameOrAll, 'a list of view names, or "*"'))
  .transform((views): readonly string[] | '*' => (views.includes('*') ? '*' : views));

const key = group({
  name,
  role: choice('admin', 'operator', 'reader', 'agent'),
  key: apiKey,
  views: keyViews,
});

export const viewSettings = {
  driver: choice('fs').default('fs'),
  hot_file_threshold: duration({min: '0s'}).default(30_000),
  cache_window: duration({min: '0s'}).default(120_000),
  session_timeout: duration({min: '1s'}).default(30_000),
  tombstone_retention: duration({min: '1s', max: '366d'}).default(3_600_000),
  change_log: byteSize({min: '0B', max: '1024GiB'}).default(64 * 2 ** 20),
};

export function checkView(
  settings: {tombstone_retention: number; cache_window: number},
  context: z.core.$RefinementCtx,
): void {
  if (settings.tombstone_retention >= settings.cache_window) return;
  // A scan may be as old as the cache window: a deletion forgotten sooner could be undone by it.
  context.addIssue({
    code: 'custom',
    path: ['tombstone_retention'],
    message: 'a duration not shorter than cache_window',
  });
}

const view = group(viewSettings)
  .superRefine(checkView)
  .transform(settings => ({
    driver: settings.driver,
    hotFileThresholdMs: settings.hot_file_threshold,
    cacheWindowMs: settings.cache_window,
    sessionTimeoutMs: settings.session_timeout,
    tombstoneRetentionMs: settings.tombstone_retention,
    changeLogBytesMax: settings.change_log,
  }));

export const agentSettings = {
  id: name,
  data: text,
  supervision: supervisionOfPipes.prefault({}),
  ...controlPlane,
  log_level: logLevel.default('info'),
};

const agent = group(agentSettings)
  .superRefine(checkControlPlane)
  .transform(({control_plane_uri: url, auth_token: key, log_level, ...rest}) => ({
    ...rest,
    /** Undefined: nobody is told how this agent is. */
    controlPlane: url !== undefined && key !== undefined ? {url, key} : undefined,
    logLevel: log_level,
  }));

export const source = group({
  driver: choice('fs').default('fs'),
  path: text,
  exclude: list(text, 'a list of patterns').default([]),
  cross_file_systems: flag.default(false),
  max_watches: integer({min: 1, max: 2 ** 31}).optional(),
  walkers: integer({min: 1, max: 64}).default(2),
  nice: integer({min: 0, max: 19}).default(10),
  watcher: choice('auto', 'inotify', 'chokidar').default('auto'),
}).transform(settings => ({
  driver: settings.driver,
  path: settings.path,
  exclude: settings.exclude,
  crossesFileSystems: settings.cross_file_systems,
  /** Undefined: as many as the kernel allows. */
  maxWatches: settings.max_watches,
  walkers: settings.walkers,
  nice: settings.nice,
  watcher: settings.watcher,
}));

export const senderSettings = {
  driver: choice('fusion').default('fusion'),
  url: httpUrl,
  key: apiKey.optional(),
  ca: text.optional(),
  batch_events: integer({min: 1, max: 100_000}).default(2_000),
  batch_bytes: byteSize({min: '64KiB', max: '64MiB'}).default(2 ** 20),
  batch_delay: duration({min: '0ms', max: '1m'}).default(5),
  window: integer({min: 1, max: 64}).default(4),
  request_timeout: duration({min: '1s', max: '10m'}).default(30_000),
};

const sender = group(senderSettings).transform(settings => ({
  driver: settings.driver,
  url: settings.url,
  /** Undefined: the agent's own token. */
  key: settings.key,
  /** A file in PEM: of the authorities that the fusion is trusted by, beside the usual ones. */
  ca: settings.ca,
  /** A batch is sent when one of these three is reached. */
  batchEventsMax: settings.batch_events,
  batchBytesMax: settings.batch_bytes,
  batchDelayMs: settings.batch_delay,
  /** Batches sent and not yet acknowledged. */
  windowBatches: settings.window,
  requestTimeoutMs: settings.request_timeout,
}));

export const pipe = group({
  source: name,
  sender: name,
  view: name,
  audit_interval: duration({min: '1s'}).default(12 * 3_600_000),
  full_audit_every: integer({min: 1, max: 1_000}).default(4),
  sentinel_interval: duration({min: '1s'}).default(120_000),
  spool_max: byteSize({min: '1MiB', max: '1024GiB'}).default(2 ** 30),
}).transform(settings => ({
  source: settings.source,
  sender: settings.sender,
  view: settings.view,
  auditIntervalMs: settings.audit_interval,
  /** Every so many audits one reads all directories, also those that look unchanged. */
  fullAuditEvery: settings.full_audit_every,
  sentinelIntervalMs: settings.sentinel_interval,
  spoolBytesMax: settings.spool_max,
}));

export const configSchema = group({
  fusion: fusion.optional(),
  controller: controller.optional(),
  keys: list(key, 'a list of keys').default([]),
  views: named(view),
  agent: agent.optional(),
  sources: named(source),
  senders: named(sender),
  pipes: named(pipe),
});
