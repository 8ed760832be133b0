import {createServer as createHttpServer, type Server} from 'node:http';
import {join} from 'node:path';
import {buffer} from 'node:stream/consumers';
import {getRequestListener} from '@hono/node-server';
import {z} from 'zod';
import type {Log} from '../../../core/log/log.ts';
import {openTreeReader} from '../../../store/tree-store.ts';
import {hashedKey, KeyRing} from '../../http/keys.ts';
import {serveDescriptor} from '../../shell/pass-descriptor.ts';
import {systemClock} from '../../system-clock.ts';
import {listenUnix} from '../../unix-socket.ts';
import {createApp} from './app.ts';
import {Bodies} from './bodies.ts';
import {type GatewayConfig, socketHandOver} from './gateway-config.ts';
import {createGatewayServer, listenOn} from './http-server.ts';
import {GatewayMetrics} from './metrics.ts';
import {statusOf} from './routes/status.ts';
import {Turns} from './turns.ts';
import {type View, Views} from './views.ts';
import {WaitingClients} from './waiting-clients.ts';

/**
 * One gateway process: accepts from the inherited socket beside its siblings, and reads the stores. When `signal` aborts it
 * stops accepting, marks its answers `Connection: close`, and resolves when its connections are gone or their time is up.
 */
export async function runGateway(config: GatewayConfig, {log, signal}: {log: Log; signal: AbortSignal}): Promise<void> {
  const views = config.views.map(({name, storeDirectory, engineSocket}) => ({
    name,
    engineSocket,
    reader: openTreeReader(storeDirectory, fault => {
      if (fault === undefined) log.info({view: name}, 'the store can be read');
      else log.error({view: name, error: textOf(fault)}, 'the store cannot be read; the view is told as "unreadable"');
    }),
  }));
  // Before the first request, so that none waits for it, and while there are descriptors.
  for (const {reader} of views) reader.read(() => undefined);
  const keys = new KeyRing(config.keys);
  const metrics = new GatewayMetrics();
  const waiting = new WaitingClients();
  const {clientTimeoutMs, tls} = config;
  const app = createApp({
    keys,
    views: new Views(views),
    clock: systemClock,
    log,
    metrics,
    turns: new Turns(),
    waiting,
    bodies: new Bodies(),
    clientTimeoutMs,
    runDirectory: config.runDirectory,
    leaving: signal,
    controllerSocket: config.controllerSocket,
  });
  const control = createControl({metrics, keys, views});
  await listenUnix(control, join(config.runDirectory, `gateway-${config.id}.sock`));
  const listener = getRequestListener(app.fetch);
  const {server, drain} = createGatewayServer({listener, waiting, clientTimeoutMs, tls, log});
  await listenOn(server, config.listenFd);
  const handOver = await serveDescriptor(config.listenFd, socketHandOver(config.runDirectory, `gateway-${config.id}`));
  log.info({}, 'gateway ready');
  await new Promise<void>(resolve => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), {once: true});
  });
  handOver.close();
  await drain();
  control.close();
  control.closeAllConnections();
  await Promise.all(views.map(({reader}) => reader.close()));
}

/** For the shell. */
function createControl({metrics, keys, views}: ControlParts): Server {
  const answers = new Map<string, (body: Buffer) => unknown>([
    ['GET /health', () => ({data: {part: 'gateway', pid: process.pid}})],
    ['GET /metrics', () => metrics.registry.getMetricsAsJSON()],
    ['GET /views', () => ({data: views.map(view => ({view: view.name, ...statusOf(view, systemClock)}))})],
    ['PUT /keys', body => keys.replace(z.array(hashedKey).parse(JSON.parse(body.toString())))],
  ]);
  return createHttpServer(async (request, response) => {
    const answer = answers.get(`${request.method} ${request.url}`);
    let status = answer ? 200 : 404;
    let body: unknown = null;
    try {
      body = (await answer?.(await buffer(request))) ?? null;
    } catch (error) {
      status = 500;
      body = {error: {code: 'INTERNAL', message: textOf(error)}};
    }
    response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(body));
  });
}

type ControlParts = {metrics: GatewayMetrics; keys: KeyRing; views: readonly Pick<View, 'name' | 'reader'>[]};

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
