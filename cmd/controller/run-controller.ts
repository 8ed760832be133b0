import {randomBytes, X509Certificate} from 'node:crypto';
import {createServer, type RequestListener, type Server} from 'node:http';
import {createServer as createTlsServer} from 'node:https';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {getRequestListener} from '@hono/node-server';
import {z} from 'zod';
import type {
  ControllerConfig,
  ControllerTlsConfig,
  FustorConfig,
  GitConfig,
  ListenAddress,
} from '../../core/config/schema.ts';
import {Controller} from '../../core/control/controller.ts';
import {Health} from '../../core/control/health/health.ts';
import type {NodeKind} from '../../core/control/protocol.ts';
import type {Log} from '../../core/log/log.ts';
import {openControlStore} from '../../store/control-store.ts';
import {hashedKey, hashKeys, type Key, KeyRing} from '../http/keys.ts';
import {keepSmall} from '../keep-small.ts';
import {readIfThere, writeDurably} from '../node/durable-file.ts';
import {sha256} from '../node/first-contact.ts';
import {listenFailed, urlOf} from '../shell/listening-socket.ts';
import type {ShellControls} from '../shell/shell.ts';
import {systemClock} from '../system-clock.ts';
import {keepWatchdogCalm, Notifier} from '../systemd/notify.ts';
import {listenUnix} from '../unix-socket.ts';
import {version} from '../version.ts';
import {createControllerApp} from './app.ts';
import {backupOf, removeUnfinishedBackups} from './backup.ts';
import {desiredFacts, followIdentities, openDesiredParts} from './desired-parts.ts';
import {gitPartsOf} from './git/follow-git.ts';
import {identityFacts} from './health-facts.ts';
import {addHealthMetrics} from './health-metrics.ts';
import type {Authority} from './identity/authority.ts';
import {createIdentityParts} from './identity/identity-parts.ts';
import {openSealing} from './identity/key-file.ts';
import {ServerCertificate} from './identity/server-certificate.ts';
import {ControllerMetrics} from './metrics.ts';

type RunParts = {log: Log; signal: AbortSignal};

const tickMs = 1_000;
/** How finely it is known since when something is as it is, when nobody asks. */
const healthTickMs = 5_000;
const drainMs = 2_000;
const idleMs = 20;

type Config = FustorConfig & {controller: ControllerConfig};

/**
 * A controller of its own. SIGHUP has it read the keys and its certificate again; the rest of its configuration is for its
 * next start. Resolves when `signal` aborts and held heartbeats are answered; rejects with LISTEN_FAILED, DATA_DIR_UNUSABLE,
 * STORE_FORMAT, SECRETS_UNREADABLE or CONFIG_INVALID.
 */
export async function runController(
  {controller: {listen, data, tls, git}, keys}: Config,
  {log, signal, controls}: RunParts & {controls: ShellControls<Config>},
): Promise<void> {
  const notifier = new Notifier();
  keepWatchdogCalm(notifier, signal);
  signal.addEventListener('abort', () => notifier.stopping(), {once: true});
  const settings = {directory: data, keys: hashKeys(keys), tls, git};
  await serve(settings, {log, signal}, async ({answer, ring, authority}) => {
    const certificate = tls && authority && new ServerCertificate({tls, listen}, {authority, clock: systemClock, log});
    const secure = certificate && createTlsServer(await certificate.obtain(), answer);
    const trust = authority && !tls?.files && tellAuthority(authority, join(data, 'ca.pem'));
    const server = secure ?? createServer(answer);
    const url = await listenTcp(server, listen, secure ? 'https' : 'http');
    if (secure) void certificate.keep(secure, signal);
    process.on('SIGHUP', () => {
      void readKeys(ring, controls, log);
      if (secure) void certificate.renew(secure);
    });
    log.info({url, data, ...trust}, 'controller listens');
    notifier.ready();
    return server;
  });
  log.info({}, 'controller stopped');
}

/** For `fustorctl --ca`, and for `ca_sha256` of nodes. The file is a copy: what counts is in the store. */
function tellAuthority({certificate}: Authority, ca: string): {ca: string; ca_sha256: string} {
  if (readIfThere(ca)?.toString() !== certificate) writeDurably(ca, certificate);
  return {ca, ca_sha256: sha256(new X509Certificate(certificate))};
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
  /** Where the configuration of the site comes from; undefined: from the API. */
  git: z
    .strictObject({
      url: z.string(),
      branch: z.string(),
      path: z.string(),
      intervalMs: z.number(),
      timeoutMs: z.number(),
      takesSignedOnly: z.boolean(),
      allowedSigners: z.string().optional(),
      webhookSecret: z.string().optional(),
    })
    .optional(),
});
export type EmbeddedControllerConfig = z.output<typeof embeddedControllerConfig>;

/** The same as a part of a fusion, on a unix socket that also tells the shell and the gateways how it is. */
export async function runEmbeddedController(
  {directory, socket, keys, git}: EmbeddedControllerConfig,
  {log, signal}: RunParts,
): Promise<void> {
  const gitSettings = git && {...git, allowedSigners: git.allowedSigners, webhookSecret: git.webhookSecret};
  await serve({directory, keys, git: gitSettings}, {log, signal}, async ({answer, metrics}) => {
    const own = new Map<string | undefined, () => Promise<unknown>>([
      ['/health', async () => ({data: {part: 'controller', pid: process.pid, work: {done: 0, pending: 0}}})],
      ['/metrics', () => metrics.registry.getMetricsAsJSON()],
    ]);
    const server = createServer(async (request, response) => {
      const tell = own.get(request.url);
      if (!tell) return answer(request, response);
      const told = await tell().catch(error =>
        log.error({error: String(error)}, 'how the controller is cannot be told'),
      );
      response.writeHead(told ? 200 : 500, {'content-type': 'application/json'}).end(JSON.stringify(told ?? null));
    });
    await listenUnix(server, socket);
    log.info({directory}, 'controller ready');
    return server;
  });
}

type Served = {answer: RequestListener; metrics: ControllerMetrics; ring: KeyRing; authority: Authority | undefined};

type Settings = {
  directory: string;
  keys: readonly Key[];
  tls?: ControllerTlsConfig | undefined;
  git?: GitConfig | undefined;
};

async function serve(
  {directory, keys, tls, git: gitSettings}: Settings,
  {log, signal}: RunParts,
  listen: (served: Served) => Promise<Server>,
): Promise<void> {
  const store = await openControlStore(directory);
  const clock = systemClock;
  try {
    const sealing = await openSealing(directory, store);
    const authority = tls && (await openAuthority({store, sealing, clock, lifetimeMs: tls.certificateLifetimeMs}));
    const identity = createIdentityParts({
      ...{store, sealing, clock, log, authority},
      signingKeys: () => [desired.publicKey.export({type: 'spki', format: 'pem'}).toString()],
      usersOfCredential: name => desired.authority.usersOf(name),
    });
    const hasGit = gitSettings !== undefined;
    const desired = await openDesiredParts({store, sealing, clock, log, identity, hasGit});
    const git = gitPartsOf(gitSettings, {directory, desired: desired.authority, log});
    const ring = new KeyRing(keys, [identity.identities, identity.apiKeys]);
    const randomId = () => randomBytes(8).toString('hex');
    const desiredSignature = (kind: NodeKind, id: string) => desired.manifests.get({kind, id})?.signature;
    const controller = new Controller({store, clock, log, randomId, desiredSignature, leaving: signal});
    let storeTrouble: string | undefined;
    const lifetimeMs = tls?.certificateLifetimeMs;
    const facts = () => ({
      ...{version, nodes: controller.nodes(), storeTrouble},
      ...desiredFacts(desired, git),
      ...identityFacts(identity, {store, clock, lifetimeMs}),
    });
    const health = new Health({store, clock, facts});
    const metrics = new ControllerMetrics(controller);
    addHealthMetrics(metrics.registry, health);
    removeUnfinishedBackups(directory);
    const backup = backupOf(store, directory, randomId);
    const served = {controller, health, backup, identity, desired, git, clock, log, metrics, leaving: signal};
    const app = createControllerApp({...served, keys: ring});
    const server = await listen({answer: getRequestListener(app.fetch), metrics, ring, authority});
    const tick = async () => {
      identity.apiKeys.tick();
      await controller.tick();
    };
    await Promise.all([
      followIdentities(identity, desired, {signal, log, clock}),
      git?.follower.run(signal),
      tickUntil(signal, {ms: tickMs, tick}, log),
      keepSmall(signal, log),
      tickUntil(signal, {ms: healthTickMs, tick: () => health.tick(), told: error => (storeTrouble = error)}, log),
    ]);
    await drain(server);
    await controller.save().catch(error => log.error({error: String(error)}, 'who was heard last could not be stored'));
  } finally {
    await store.close();
  }
}

/** What makes certificates is loaded where they are made only. */
async function openAuthority(parts: Parameters<typeof Authority.open>[0]): Promise<Authority> {
  const {Authority} = await import('./identity/authority.ts');
  return Authority.open(parts);
}

/** `told` hears what is wrong, or that nothing is. */
type Ticking = {ms: number; tick: () => Promise<void>; told?: (error: string | undefined) => void};

async function tickUntil(signal: AbortSignal, {ms, tick, told}: Ticking, log: Log): Promise<void> {
  let lastError: string | undefined;
  while (!signal.aborted) {
    try {
      await tick();
      lastError = undefined;
    } catch (error) {
      // A full disk: what could not be written is tried again. Whoever is told of a command hears of it themselves.
      const message = error instanceof Error ? error.message : String(error);
      if (message !== lastError) log.error({error: message}, 'what time brought could not be stored');
      lastError = message;
    }
    told?.(lastError);
    await systemClock.sleep(ms, signal);
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

async function listenTcp(server: Server, listen: ListenAddress, scheme: 'http' | 'https'): Promise<string> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({...listen}, resolve);
    });
  } catch (cause) {
    throw listenFailed(listen, cause);
  }
  const {address, port} = server.address() as AddressInfo;
  return urlOf(address, port, scheme);
}
