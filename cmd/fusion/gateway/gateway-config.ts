import {join} from 'node:path';
import {z} from 'zod';

/** What the shell hands to a gateway on its stdin. Keys travel as their hashes. */
export const gatewayConfig = z.strictObject({
  id: z.string(),
  /** The listening socket, inherited. */
  listenFd: z.number().int(),
  /** Who makes no progress for this long is disconnected. */
  clientTimeoutMs: z.number().default(120_000),
  /** Where the parts of this fusion have their sockets. */
  runDirectory: z.string(),
  keys: z.array(
    z.strictObject({
      name: z.string(),
      role: z.enum(['admin', 'operator', 'reader', 'agent']),
      /** Of the key, in hexadecimal. */
      sha256: z.string(),
      views: z.union([z.literal('*'), z.array(z.string())]).readonly(),
    }),
  ),
  views: z.array(z.strictObject({name: z.string(), storeDirectory: z.string(), engineSocket: z.string()})),
});
export type GatewayConfig = z.output<typeof gatewayConfig>;

/** Where a gateway hands its listening socket to a shell that comes after the one that gave it. */
export function socketHandOver(runDirectory: string, gateway: string): string {
  return join(runDirectory, `${gateway}.listen`);
}
