import {randomBytes} from 'node:crypto';
import {createServer, type RequestListener, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {getRequestListener} from '@hono/node-server';
import {z} from 'zod';
import type {ControllerConfig, FustorConfig, ListenAddress} from '../../core/config/schema.ts';
import {Controller} from '../../core/control/controller.ts';
import type {Log} from '../../core/log/log.ts';
import {openControlStore} from '../../store/control-store.ts';
import {hashedKey, hashKeys, KeyRing} from '../http/keys.ts';
import {listenFailed, urlOf} from '../shell/listening-socket.ts';
import type {ShellControls} from '../shell/shell.ts';
import {systemClock} from '../system-clock.ts';
import {keepWatchdogCalm, Notifier} from '../systemd/notify.ts';
import {listenUnix} from '../unix-socket.ts';
import {createControllerApp} from './app.ts';
import {ControllerMetrics} from './metrics.ts';

type RunParts = {log: Log; signal: AbortSignal};

const tickMs = 1_000;
const drainMs = 2_000;
const idleMs = 20;

type Config = FustorConfig & {controller: ControllerConfig};

/**
 * A controller of its own. SIGHUP has it read the keys again; the rest of its configuration is for its next start. Resolves
 * when `signal` aborts and held heartbeats are answered; rejects with LISTEN_FAILED, DATA_DIR_UNUSABLE or STORE_FORMAT.
 */
export async function runController(
  {controller: {listen, data}, keys}: Config,
  {log, signal, controls}: RunParts & {controls: ShellControls<Config>},
): Promise<void> {
  const ring = new KeyRing(hashKeys(keys));
  const notifier = new Notifier();
  keepWatchdogCalm(notifier, signal);
  signal.addEventListener('abort', () => notifier.stopping(), {once: true});
  process.on('SIGHUP', () => void readKeys(ring, controls, log));
  await serve({directory: data, keys: ring}, {log, signal}, async ({answer}) => {
    const server = createServer(answer);
    const url = await listenTcp(server, listen);
    log.info({url, data}, 'controller listens');
    notifier.ready();
    return server;
  });
  log.info({}, 'controller stopped');
}

async function readKeys(ring: KeyRing, controls: ShellControls<Config>, log: Log): Promise<void> {
  try {
    const {keys} = await controls.load();
    ring.replace(hashKeys(keys));
    log.info({keys: keys.length}, 'keys read again');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.error({reason}, 'the configuration is not used; the earlier keys go on');
  }
}

/** What a fusion hands to the controller that it embeds on its stdin. */
export const embeddedControllerConfig = z.strictObject({
  directory: z.string(),
  /** Where gateways hand requests on to. */
  socket: z.string(),
  keys: z.array(hashedKey),
});
export type EmbeddedControllerConfig = z.output<typeof embeddedControllerConfig>;

/** The same as a part of a fusion, on a unix socket that also tells the shell and the gateways how it is. */
export async function runEmbeddedController(
  {directory, socket, keys}: EmbeddedControllerConfig,
  {log, signal}: RunParts,
): Promise<void> {
  await serve({directory, keys: new KeyRing(keys)}, {log, signal}, async ({answer, metrics}) => {
    const own = new Map<string | undefined, () => Promise<unknown>>([
      ['/health', async () => ({data: {part: 'controller', pid: process.pid, work: {done: 0, pending: 0}}})],
      ['/metrics', () => metrics.registry.getMetricsAsJSON()],
    ]);
    const server = createServer(async (request, response) => {
      const tell = own.get(request.url);
      if (!tell) return answer(request, response);
      response.writeHead(200, {'content-type': 'application/json'}).end(JSON.stringify(await tell()));
    });
    await listenUnix(server, socket);
    log.info({directory}, 'controller ready');
    return server;
  });
}

type Served = {answer: RequestListener; metrics: ControllerMetrics};

async function serve(
  {directory, keys}: {directory: string; keys: KeyRing},
  {log, signal}: RunParts,
  listen: (served: Served) => Promise<Server>,
): Promise<void> {
  const store = await openControlStore(directory);
  try {
    const randomId = () => randomBytes(8).toString('hex');
    const controller = new Controller({store, clock: systemClock, log, randomId});
    const metrics = new ControllerMetrics(controller);
    const app = createControllerApp({controller, keys, log, metrics, leaving: signal});
    const server = await listen({answer: getRequestListener(app.fetch), metrics});
    await tickUntil(signal, controller, log);
    await drain(server);
    await controller.save().catch(error => log.error({error: String(error)}, 'who was heard last could not be stored'));
  } finally {
    await store.close();
  }
}

async function tickUntil(signal: AbortSignal, controller: Controller, log: Log): Promise<void> {
  let lastError: string | undefined;
  while (!signal.aborted) {
    try {
      await controller.tick();
      lastError = undefined;
    } catch (error) {
      // A full disk: what could not be written is tried again. Whoever is told of a command hears of it themselves.
      const message = error instanceof Error ? error.message : String(error);
      if (message !== lastError) log.error({error: message}, 'what time brought could not be stored');
      lastError = message;
    }
    await systemClock.sleep(tickMs, signal);
  }
}

/** What is under way, held heartbeats too, is answered first; a connection that is kept without a request is ended. */
async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), idleMs);
  const deadline = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}

async function listenTcp(server: Server, listen: ListenAddress): Promise<string> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({...listen}, resolve);
    });
  } catch (cause) {
    throw listenFailed(listen, cause);
  }
  const {address, port} = server.address() as AddressInfo;
  return urlOf(address, port);
}
