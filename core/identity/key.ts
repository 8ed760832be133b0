import {z} from 'zod';
import {nodeKinds} from '../control/protocol.ts';

/** What a key may do. `fusion` is of nodes only: it reports how it is, and asks for what it should be. */
export const keyRoles = ['admin', 'operator', 'reader', 'agent', 'fusion'] as const;
export type KeyRole = (typeof keyRoles)[number];

/** A key as a shell hands it to the parts that answer requests. */
export const hashedKey = z.strictObject({
  name: z.string(),
  role: z.enum(keyRoles),
  /** Of the key, in hexadecimal. */
  sha256: z.string(),
  views: z.union([z.literal('*'), z.array(z.string())]).readonly(),
  /** Whose it is, as the administrators call them. */
  user: z.string().optional(),
  /** Of a node's own token: it speaks for this node only. */
  node: z.strictObject({kind: z.enum(nodeKinds), id: z.string()}).optional(),
});
export type Key = z.output<typeof hashedKey>;

/** A key that counts now; `revoked` aborts when it does not any more. */
export type AcceptedKey = {key: Key; revoked: AbortSignal};

/** Keys that come and go while a server runs. */
export interface KeyRegistry {
  find(sha256: string): AcceptedKey | undefined;
}
