import {hash, randomBytes} from 'node:crypto';
import {join} from 'node:path';
import type {FusionConfig, FustorConfig} from '../../core/config/schema.ts';
import type {EmbeddedControllerConfig} from '../controller/run-controller.ts';
import {hashKeys, type Key} from '../http/keys.ts';
import {readIfThere, writeDurably} from '../node/durable-file.ts';
import {partSocket} from '../shell/child-process.ts';

/** The name of the part. */
export const controllerPart = 'controller';

/** Where gateways find it; undefined when this fusion embeds none. */
export function controllerSocket({embedsController}: FusionConfig, runDirectory: string): string | undefined {
  return embedsController ? partSocket(runDirectory, controllerPart) : undefined;
}

/** What a fusion shows to the controller that it embeds: made once, so that a restart of the shell is no other node. */
export function embeddedToken({data}: FusionConfig): string {
  const file = join(data, 'controller-token');
  const known = readIfThere(file)?.toString();
  if (known !== undefined && /^[\w-]{43}$/.test(known)) return known;
  const token = randomBytes(32).toString('base64url');
  writeDurably(file, token);
  return token;
}

/** How a fusion is called where nobody has named it. */
export function fusionId({id = 'main'}: FusionConfig): string {
  return id;
}

/** What it is started with, as the subcommand `controller`; undefined when this fusion embeds none. */
export function controllerConfig(
  {fusion, keys, controller}: FustorConfig & {fusion: FusionConfig},
  runDirectory: string,
): EmbeddedControllerConfig | undefined {
  const socket = controllerSocket(fusion, runDirectory);
  if (socket === undefined) return undefined;
  const own: Key = {
    name: 'embedded-fusion',
    role: 'fusion',
    views: [],
    sha256: hash('sha256', embeddedToken(fusion)),
    node: {kind: 'fusion', id: fusionId(fusion)},
  };
  const git = controller?.git;
  return {directory: join(fusion.data, 'controller'), socket, keys: [...hashKeys(keys), own], ...(git && {git})};
}
