import {join} from 'node:path';
import type {FusionConfig, FustorConfig, ViewConfig} from '../../core/config/schema.ts';
import type {Part} from '../../core/shell/part.ts';
import type {RollingParts} from '../../core/shell/rolling-fleet.ts';
import type {Key} from '../http/keys.ts';
import {spawnArguments} from '../program.ts';
import {readServerFiles} from '../server-files.ts';
import {type ChildOptions, partSocket, startChild} from '../shell/child-process.ts';
import {partHash} from '../shell/executable.ts';
import type {ListeningSocket} from '../shell/listening-socket.ts';
import {withoutQuarantine} from '../shell/supervision.ts';
import {controllerConfig, controllerPart, controllerSocket} from './embedded-controller.ts';
import type {EngineConfig} from './engine/run-engine.ts';
import type {GatewayConfig} from './gateway/gateway-config.ts';

/** Without a gateway nobody is answered: it is tried again soon. */
const gatewayPauseMsMax = 2_000;
/** A download of the whole tree over a slow line takes minutes. */
const gatewayGraceMs = 620_000;
const enginePauseMsMax = 60_000;
const controllerPauseMsMax = 60_000;

export function engineName(view: string): string {
  return `engine-${view}`;
}

export function enginePart(
  {name: view, driver: _, changeLogBytesMax, ...settings}: ViewConfig,
  {fusion, runDirectory}: {fusion: FusionConfig; runDirectory: string},
): Part {
  const name = engineName(view);
  const directory = viewDirectory(fusion, view);
  const socket = partSocket(runDirectory, name);
  const config: EngineConfig = {view, directory, socket, settings, changeLogBytesMax};
  const supervision = withoutQuarantine(fusion.supervision, {pauseMsMax: enginePauseMsMax});
  return part({command: 'engine', name, config, runDirectory}, fusion, {facts: {view}, supervision});
}

/** None, or the one that this fusion embeds. */
export function controllerParts(config: FustorConfig & {fusion: FusionConfig}, runDirectory: string): Part[] {
  const embedded = controllerConfig(config, runDirectory);
  if (!embedded) return [];
  const supervision = withoutQuarantine(config.fusion.supervision, {pauseMsMax: controllerPauseMsMax});
  const options = {command: 'controller', name: controllerPart, config: embedded, runDirectory};
  return [part(options, config.fusion, {facts: {}, supervision})];
}

type Gateways = {
  fusion: FusionConfig;
  views: readonly string[];
  socket: ListeningSocket;
  runDirectory: string;
  /** Those that count when one is started; what becomes of them later it is told. */
  keys: () => readonly Key[];
};

export function gatewayParts({fusion, views, socket, runDirectory, keys}: Gateways): RollingParts {
  const {url, descriptor: inherit} = socket;
  const common: Omit<GatewayConfig, 'id' | 'keys'> = {
    listenFd: 3,
    ...(fusion.tls && {tls: readServerFiles(fusion.tls)}),
    clientTimeoutMs: fusion.clientTimeoutMs,
    runDirectory,
    views: views.map(name => ({
      name,
      storeDirectory: viewDirectory(fusion, name),
      engineSocket: partSocket(runDirectory, engineName(name)),
    })),
    controllerSocket: controllerSocket(fusion, runDirectory),
  };
  const hash = partHash([url, common, fusion.logLevel]);
  const supervision = withoutQuarantine(fusion.supervision, {pauseMsMax: gatewayPauseMsMax, graceMs: gatewayGraceMs});
  const make = (number: number): Part => {
    const name = `gateway-${number}`;
    const facts = {gateway: number};
    const start = () => {
      const config: GatewayConfig = {...common, id: String(number), keys: [...keys()]};
      const options = {command: 'gateway', name, config, inherit, runDirectory};
      return part(options, fusion, {facts, supervision, hash}).start();
    };
    return {name, hash, supervision, start};
  };
  return {count: fusion.gateways, hash, make};
}

export function viewDirectory(fusion: FusionConfig, view: string): string {
  return join(fusion.data, 'views', view);
}

function part(
  {command, ...options}: Pick<ChildOptions, 'name' | 'inherit' | 'runDirectory'> & {command: string; config: object},
  {logLevel}: FusionConfig,
  {facts, supervision, hash}: {facts: object; supervision: Part['supervision']; hash?: string},
): Part {
  const config = {...options.config, logLevel, facts};
  const child = {...spawnArguments('fusion', [command]), hash: hash ?? partHash(config)};
  return {
    name: options.name,
    hash: child.hash,
    supervision,
    start: () => startChild({...options, ...child, config}),
  };
}
