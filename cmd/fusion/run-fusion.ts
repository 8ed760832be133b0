import {join} from 'node:path';
import type {FusionConfig, FustorConfig, ViewConfig} from '../../core/config/schema.ts';
import type {Log} from '../../core/log/log.ts';
import {Signal} from '../../core/pipe/signal.ts';
import {Fleet} from '../../core/shell/fleet.ts';
import type {Part} from '../../core/shell/part.ts';
import {RollingFleet} from '../../core/shell/rolling-fleet.ts';
import {hashKeys} from '../http/keys.ts';
import {spawnArguments} from '../program.ts';
import {type ChildOptions, partSocket, startChild} from '../shell/child-process.ts';
import {partHash} from '../shell/executable.ts';
import {bindSocket, keptVariable, type ListeningSocket, obtainSocket} from '../shell/listening-socket.ts';
import {type Parts, Shell, type ShellControls} from '../shell/shell.ts';
import {claimDirectory, keepsDirectory} from '../shell/shell-directory.ts';
import {withoutQuarantine} from '../shell/supervision.ts';
import {systemClock} from '../system-clock.ts';
import {controllerConfig, controllerPart, controllerSocket} from './embedded-controller.ts';
import type {EngineConfig} from './engine/run-engine.ts';
import {type GatewayConfig, socketHandOver} from './gateway/gateway-config.ts';

type Config = FustorConfig & {fusion: FusionConfig};

/** Without a gateway nobody is answered: it is tried again soon. */
const gatewayPauseMsMax = 2_000;
/** A download of the whole tree over a slow line takes minutes. */
const gatewayGraceMs = 620_000;
const enginePauseMsMax = 60_000;
const controllerPauseMsMax = 60_000;

/**
 * The shell: holds the listening socket and the data directory, starts gateways and engines and starts them again. It
 * accepts no connection and opens no store, so nothing that they do can hurt it. Resolves when `signal` aborts and all have
 * ended; rejects with LISTEN_FAILED or DATA_DIR_UNUSABLE.
 */
export async function runFusion(
  config: Config,
  {
    log,
    signal,
    controls,
    onListening,
  }: {log: Log; signal: AbortSignal; controls?: ShellControls<Config>; onListening?: (url: string) => void},
): Promise<void> {
  const {fusion, views} = config;
  const {runDirectory, survivors, release} = claimDirectory(fusion.data, 'fusion');
  const isGateway = ({name}: {name: string}) => name.startsWith('gateway-');
  const handedOnAt = survivors.filter(isGateway).map(({name}) => socketHandOver(runDirectory, name));
  const socket = await obtainSocket(fusion.listen, {handedOnAt, log});
  log.info({url: socket.url, data: fusion.data, views: views.map(({name}) => name)}, 'fusion listens');

  const parts = {clock: systemClock, random: Math.random, log, changed: new Signal()};
  const site = new FusionParts({
    config,
    socket,
    runDirectory,
    engines: new Fleet(
      parts,
      survivors.filter(survivor => !isGateway(survivor)),
    ),
    gateways: new RollingFleet(parts, survivors.filter(isGateway)),
  });
  const shell = new Shell<Config>(site, {log, controls, runDirectory});
  await shell.run(config, signal, () => onListening?.(socket.url));
  release();
  log.info({}, 'fusion stopped');
}

type Site = {config: Config; socket: ListeningSocket; runDirectory: string; engines: Fleet; gateways: RollingFleet};

class FusionParts implements Parts<Config> {
  readonly #engines: Fleet;
  readonly #gateways: RollingFleet;
  readonly #runDirectory: string;
  #socket: ListeningSocket;
  #config: Config;

  constructor({config, socket, runDirectory, engines, gateways}: Site) {
    this.#config = config;
    this.#socket = socket;
    this.#runDirectory = runDirectory;
    this.#engines = engines;
    this.#gateways = gateways;
  }

  async apply(config: Config, {isRenewal}: {isRenewal: boolean}): Promise<string | undefined> {
    const {fusion, views} = config;
    const before = this.#config.fusion;
    keepsDirectory('fusion', before.data, fusion.data);
    const isMoved = before.listen.host !== fusion.listen.host || before.listen.port !== fusion.listen.port;
    const left = isMoved ? this.#socket : undefined;
    if (isMoved) this.#socket = await bindSocket(fusion.listen);
    this.#config = config;
    await this.#engines.apply([...views.map(view => this.#engine(fusion, view)), ...this.#controller(config)]);
    if (isRenewal) this.#engines.renew();
    const failure = await this.#gateways.apply(this.#gatewaysOf(config), {isRenewal});
    left?.close();
    return failure;
  }

  report() {
    return [...this.#gateways.report(), ...this.#engines.report()];
  }

  execute(command: Parameters<Fleet['execute']>[0], name: string): Promise<string> {
    return this.#engines.execute(command, name);
  }

  legacy() {
    const {descriptor} = this.#socket;
    return {descriptors: [descriptor], env: {[keptVariable]: String(descriptor)}};
  }

  /** Gateways first, so that what they are asked last still reaches an engine. */
  async stop(): Promise<void> {
    await this.#gateways.stop();
    await this.#engines.stop();
    this.#socket.close();
  }

  #engine(fusion: FusionConfig, {name: view, driver: _, changeLogBytesMax, ...settings}: ViewConfig): Part {
    const name = `engine-${view}`;
    const directory = viewDirectory(fusion, view);
    const socket = partSocket(this.#runDirectory, name);
    const config: EngineConfig = {view, directory, socket, settings, changeLogBytesMax};
    const supervision = withoutQuarantine(fusion.supervision, {pauseMsMax: enginePauseMsMax});
    return this.#part({command: 'engine', name, config}, fusion, {facts: {view}, supervision});
  }

  /** None, or the one that this fusion embeds. */
  #controller(config: Config): Part[] {
    const embedded = controllerConfig(config, this.#runDirectory);
    if (!embedded) return [];
    const supervision = withoutQuarantine(config.fusion.supervision, {pauseMsMax: controllerPauseMsMax});
    const options = {command: 'controller', name: controllerPart, config: embedded};
    return [this.#part(options, config.fusion, {facts: {}, supervision})];
  }

  #gatewaysOf(config: Config): {count: number; hash: string; make(number: number): Part} {
    const {fusion} = config;
    const {url, descriptor: inherit} = this.#socket;
    const common = this.#gatewayConfig(config);
    const hash = partHash([url, common, fusion.logLevel]);
    const supervision = withoutQuarantine(fusion.supervision, {
      pauseMsMax: gatewayPauseMsMax,
      graceMs: gatewayGraceMs,
    });
    const make = (number: number) => {
      const name = `gateway-${number}`;
      const own: GatewayConfig = {...common, id: String(number)};
      const part = this.#part({command: 'gateway', name, config: own, inherit}, fusion, {
        facts: {gateway: number},
        supervision,
        hash,
      });
      return part;
    };
    return {count: fusion.gateways, hash, make};
  }

  #gatewayConfig({fusion, keys, views}: Config): Omit<GatewayConfig, 'id'> {
    return {
      listenFd: 3,
      clientTimeoutMs: fusion.clientTimeoutMs,
      runDirectory: this.#runDirectory,
      keys: hashKeys(keys),
      views: views.map(({name}) => ({
        name,
        storeDirectory: viewDirectory(fusion, name),
        engineSocket: partSocket(this.#runDirectory, `engine-${name}`),
      })),
      controllerSocket: controllerSocket(fusion, this.#runDirectory),
    };
  }

  #part(
    {command, ...options}: Pick<ChildOptions, 'name' | 'inherit'> & {command: string; config: object},
    {logLevel}: FusionConfig,
    {facts, supervision, hash}: {facts: object; supervision: Part['supervision']; hash?: string},
  ): Part {
    const config = {...options.config, logLevel, facts};
    const child = {
      ...spawnArguments('fusion', [command]),
      runDirectory: this.#runDirectory,
      hash: hash ?? partHash(config),
    };
    return {
      name: options.name,
      hash: child.hash,
      supervision,
      start: () => startChild({...options, ...child, config}),
    };
  }
}

export function viewDirectory(fusion: FusionConfig, view: string): string {
  return join(fusion.data, 'views', view);
}
