import {randomBytes} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {rootCertificates} from 'node:tls';
import {z} from 'zod';
import type {Log} from '../../core/log/log.ts';
import {Pipe} from '../../core/pipe/pipe.ts';
import {FusionSender} from '../../drivers/sender-fusion/fusion-sender.ts';
import {createFsSource} from '../../drivers/source-fs/create-fs-source.ts';
import {RememberedStorage} from '../../drivers/source-fs/remembered-storage.ts';
import {openSpool} from '../../store/spool-store.ts';
import {keepSmall} from '../keep-small.ts';
import {openThread} from '../program.ts';
import {systemClock} from '../system-clock.ts';
import {listenUnix} from '../unix-socket.ts';
import {createPayloadServer} from './payload-server.ts';

/** What the shell hands to a payload on its stdin: one pipe with its source and its sender. */
export const payloadConfig = z.strictObject({
  agentId: z.string(),
  socket: z.string(),
  /** Remembers which storage the source is. */
  storageFile: z.string(),
  /** For events that have no room in memory. */
  spoolDirectory: z.string(),
  pipe: z.strictObject({
    name: z.string(),
    source: z.string(),
    sender: z.string(),
    view: z.string(),
    auditIntervalMs: z.number(),
    fullAuditEvery: z.number(),
    sentinelIntervalMs: z.number(),
    spoolBytesMax: z.number(),
  }),
  source: z.strictObject({
    name: z.string(),
    driver: z.literal('fs'),
    path: z.string(),
    exclude: z.array(z.string()),
    crossesFileSystems: z.boolean(),
    maxWatches: z.number().optional(),
    walkers: z.number(),
    nice: z.number(),
    watcher: z.enum(['auto', 'inotify', 'chokidar']),
  }),
  sender: z.strictObject({
    name: z.string(),
    driver: z.literal('fusion'),
    url: z.string(),
    key: z.string(),
    ca: z.string().optional(),
    batchEventsMax: z.number(),
    batchBytesMax: z.number(),
    batchDelayMs: z.number(),
    windowBatches: z.number(),
    requestTimeoutMs: z.number(),
  }),
  /** PEM: what a fusion of the site is trusted by, beside the usual. */
  authorities: z.array(z.string()).optional(),
});
export type PayloadConfig = z.output<typeof payloadConfig>;

/** None: those that this program brings. */
function authoritiesOf({sender: {ca}, authorities = []}: PayloadConfig): string[] | undefined {
  const own = [...authorities, ...(ca === undefined ? [] : [readFileSync(ca, 'utf8')])];
  return own.length === 0 ? undefined : [...rootCertificates, ...own];
}

/** The process of one pipe: a source, the pipe and a sender, and a unix socket on which the shell asks how they are. */
export async function runPayload(config: PayloadConfig, {log, signal}: {log: Log; signal: AbortSignal}): Promise<void> {
  const {agentId, socket, storageFile, pipe: settings, source: sourceConfig, sender: senderConfig} = config;
  const spool = openSpool(config.spoolDirectory, {bytesMax: settings.spoolBytesMax});
  const remembered = new RememberedStorage(storageFile);
  const failed = new AbortController();
  const source = createFsSource(
    {...sourceConfig, maxWatches: sourceConfig.maxWatches},
    {openThread, log, remembered, onFailure: error => failed.abort(error)},
  );
  const sender = new FusionSender({...senderConfig, ca: authoritiesOf(config)});
  const {batchEventsMax, batchBytesMax, batchDelayMs, windowBatches} = senderConfig;
  const pipe = new Pipe(
    {
      name: settings.name,
      view: settings.view,
      agentId,
      instance: randomBytes(8).toString('hex'),
      sourcePath: sourceConfig.path,
      auditIntervalMs: settings.auditIntervalMs,
      fullAuditEvery: settings.fullAuditEvery,
      sentinelIntervalMs: settings.sentinelIntervalMs,
      batchEventsMax,
      batchBytesMax,
      batchDelayMs,
      windowBatches,
    },
    {source, sender, spool, clock: systemClock, random: Math.random, log},
  );
  const health = () => {
    const {work, ...status} = pipe.status();
    return {
      part: 'payload',
      pid: process.pid,
      work,
      pipe: status,
      source: source.status(),
      memory: process.memoryUsage(),
    };
  };
  const control = createPayloadServer({pipe, health});
  await listenUnix(control, socket);
  const stopped = new AbortController();
  void keepSmall(AbortSignal.any([signal, stopped.signal]), log);
  try {
    await pipe.run(AbortSignal.any([signal, failed.signal]));
    failed.signal.throwIfAborted();
  } finally {
    stopped.abort();
    control.close();
    control.closeAllConnections();
  }
}
