import {lookup} from 'node:dns/promises';
import {BoundSocket} from 'node:net';
import {join} from 'node:path';
import type {FusionConfig, FustorConfig, ListenAddress, ViewConfig} from '../../core/config/schema.ts';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import type {Log} from '../../core/log/log.ts';
import {type Part, supervise} from '../../core/shell/supervisor.ts';
import {startChild} from '../child-process.ts';
import {hashKeys} from '../http/keys.ts';
import {claimDirectory} from '../shell-directory.ts';
import {systemClock} from '../system-clock.ts';
import {controllerConfig, controllerPart, controllerSocket} from './embedded-controller.ts';
import type {EngineConfig} from './engine/run-engine.ts';
import type {GatewayConfig} from './gateway/gateway-config.ts';

/**
 * The shell: holds the listening socket and the data directory, starts gateways and engines and starts them again. It
 * accepts no connection and opens no store, so nothing that they do can hurt it. Resolves when `signal` aborts and all have
 * ended; rejects with LISTEN_FAILED or DATA_DIR_UNUSABLE.
 */
export async function runFusion(
  config: FustorConfig & {fusion: FusionConfig},
  {log, signal, onListening}: {log: Log; signal: AbortSignal; onListening?: (url: string) => void},
): Promise<void> {
  const {fusion, views} = config;
  const {runDirectory, release} = await claimDirectory(fusion.data, {role: 'fusion', log});
  const socket = await bind(fusion.listen);
  const {address, port} = socket.address() as {address: string; port: number};
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
  log.info({url, data: fusion.data, views: views.map(({name}) => name)}, 'fusion listens');

  const supervision = {clock: systemClock, random: Math.random, log};
  const stopGateways = new AbortController();
  const stopEngines = new AbortController();
  const engines = views.map(view => supervise(enginePart(fusion, view, runDirectory), stopEngines.signal, supervision));
  const embedded = controllerConfig(config, runDirectory);
  if (embedded) {
    const options = {program: 'fusion' as const, command: 'controller', name: controllerPart, runDirectory};
    engines.push(supervise(part({...options, config: embedded}, fusion, {}), stopEngines.signal, supervision));
  }
  const gatewayNumbers = Array.from({length: fusion.gateways}, (_, index) => index + 1);
  const gateways = gatewayNumbers.map(number =>
    supervise(gatewayPart(config, {number, runDirectory, listenFd: socket.fd()}), stopGateways.signal, supervision),
  );
  onListening?.(url);
  await new Promise<void>(resolve => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), {once: true});
  });
  // Gateways first, so that what they are asked last still reaches an engine.
  stopGateways.abort();
  await Promise.all(gateways);
  stopEngines.abort();
  await Promise.all(engines);
  socket.close();
  release();
  log.info({}, 'fusion stopped');
}

export function viewDirectory(fusion: FusionConfig, view: string): string {
  return join(fusion.data, 'views', view);
}

function engineSocket(runDirectory: string, view: string): string {
  return join(runDirectory, `engine-${view}.sock`);
}

function enginePart(fusion: FusionConfig, {name, driver: _, ...settings}: ViewConfig, runDirectory: string): Part {
  const config: EngineConfig = {
    view: name,
    directory: viewDirectory(fusion, name),
    socket: engineSocket(runDirectory, name),
    settings,
  };
  return part({program: 'fusion', command: 'engine', name: `engine-${name}`, config, runDirectory}, fusion, {
    view: name,
  });
}

function gatewayPart(
  {fusion, keys, views}: FustorConfig & {fusion: FusionConfig},
  {number, runDirectory, listenFd}: {number: number; runDirectory: string; listenFd: number},
): Part {
  const config: GatewayConfig = {
    id: String(number),
    listenFd: 3,
    runDirectory,
    keys: hashKeys(keys),
    views: views.map(({name}) => ({
      name,
      storeDirectory: viewDirectory(fusion, name),
      engineSocket: engineSocket(runDirectory, name),
    })),
    controllerSocket: controllerSocket(fusion, runDirectory),
  };
  const name = `gateway-${number}`;
  return part({program: 'fusion', command: 'gateway', name, config, runDirectory, inherit: listenFd}, fusion, {
    gateway: number,
  });
}

function part(options: Parameters<typeof startChild>[0], {logLevel}: FusionConfig, facts: object): Part {
  const config = {...(options.config as object), logLevel, facts};
  return {name: options.name, start: () => startChild({...options, config})};
}

async function bind({host, port}: ListenAddress): Promise<BoundSocket> {
  try {
    const {address} = await lookup(host);
    return new BoundSocket({host: address, port});
  } catch (cause) {
    const reasons: Record<string, string> = {
      EADDRINUSE: 'another process listens there',
      EADDRNOTAVAIL: 'it is not an address of this host',
      EACCES: 'this user may not listen on this port',
      ENOTFOUND: 'the name is not known',
    };
    const code = systemErrorCode(cause) ?? String(cause);
    throw new FustorError('LISTEN_FAILED', `Cannot listen on ${host}:${port}: ${reasons[code] ?? code}.`, {
      cause,
      hint: 'Choose another "listen" in the configuration, or stop what listens there ("ss -ltnp" tells).',
    });
  }
}
