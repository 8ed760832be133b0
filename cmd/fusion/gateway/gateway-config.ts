import {join} from 'node:path';
import {z} from 'zod';
import {hashedKey} from '../../http/keys.ts';

/** What the shell hands to a gateway on its stdin. Keys travel as their hashes. */
export const gatewayConfig = z.strictObject({
  id: z.string(),
  /** The listening socket, inherited. */
  listenFd: z.number().int(),
  /** PEM; without it plain HTTP is spoken. */
  tls: z.strictObject({cert: z.string(), key: z.string()}).optional(),
  /** Who makes no progress for this long is disconnected. */
  clientTimeoutMs: z.number().default(120_000),
  /** Where the parts of this fusion have their sockets. */
  runDirectory: z.string(),
  keys: z.array(hashedKey),
  views: z.array(z.strictObject({name: z.string(), storeDirectory: z.string(), engineSocket: z.string()})),
  /** Of the controller that this fusion embeds. */
  controllerSocket: z.string().optional(),
});
export type GatewayConfig = z.output<typeof gatewayConfig>;

/** Where a gateway hands its listening socket to a shell that comes after the one that gave it. */
export function socketHandOver(runDirectory: string, gateway: string): string {
  return join(runDirectory, `${gateway}.listen`);
}
