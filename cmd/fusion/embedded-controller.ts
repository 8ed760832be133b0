import {join} from 'node:path';
import type {FusionConfig, FustorConfig} from '../../core/config/schema.ts';
import type {EmbeddedControllerConfig} from '../controller/run-controller.ts';
import {hashKeys} from '../http/keys.ts';
import {partSocket} from '../shell/child-process.ts';

/** The name of the part. */
export const controllerPart = 'controller';

/** Where gateways find it; undefined when this fusion embeds none. */
export function controllerSocket({embedsController}: FusionConfig, runDirectory: string): string | undefined {
  return embedsController ? partSocket(runDirectory, controllerPart) : undefined;
}

/** What it is started with, as the subcommand `controller`; undefined when this fusion embeds none. */
export function controllerConfig(
  {fusion, keys}: FustorConfig & {fusion: FusionConfig},
  runDirectory: string,
): EmbeddedControllerConfig | undefined {
  const socket = controllerSocket(fusion, runDirectory);
  return socket === undefined ? undefined : {directory: join(fusion.data, 'controller'), socket, keys: hashKeys(keys)};
}
