import {hash} from 'node:crypto';
import {z} from 'zod';
import type {KeyConfig} from '../../core/config/schema.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';

/** A key as a shell hands it to the parts that answer requests. */
export const hashedKey = z.strictObject({
  name: z.string(),
  role: z.enum(['admin', 'operator', 'reader', 'agent']),
  /** Of the key, in hexadecimal. */
  sha256: z.string(),
  views: z.union([z.literal('*'), z.array(z.string())]).readonly(),
});
export type Key = z.output<typeof hashedKey>;

export function hashKeys(keys: readonly KeyConfig[]): Key[] {
  return keys.map(({key, ...rest}) => ({...rest, sha256: hash('sha256', key)}));
}

/**
 * The keys of this server, by hash: what an attacker could learn from the time of a lookup is about the hash of a guess,
 * which tells nothing about the key.
 */
export class KeyRing {
  #byHash = new Map<string, Key>();

  constructor(keys: readonly Key[]) {
    this.replace(keys);
  }

  /** From now on only these. */
  replace(keys: readonly Key[]): void {
    this.#byHash = new Map(keys.map(key => [key.sha256, key]));
  }

  /** Throws UNAUTHENTICATED. */
  authenticate(headers: {authorization: string | undefined; apiKey: string | undefined}): Key {
    const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
    const sent = bearer ?? headers.apiKey;
    if (sent === undefined) {
      throw new FustorError('UNAUTHENTICATED', 'No API key was sent.', {
        hint: 'Send it as "Authorization: Bearer KEY" or "X-API-Key: KEY".',
      });
    }
    const key = this.#byHash.get(hash('sha256', sent));
    if (key) return key;
    throw new FustorError('UNAUTHENTICATED', 'The API key is not known here.', {
      hint: 'Check it for a typing mistake, and that it stands under "keys" of this server.',
    });
  }
}

export function mayQuery({role}: Key): boolean {
  return role !== 'agent';
}

export function mayFeed({role}: Key): boolean {
  return role === 'agent' || role === 'admin';
}

export function mayOrder({role}: Key): boolean {
  return role === 'operator' || role === 'admin';
}

export function mayAdminister({role}: Key): boolean {
  return role === 'admin';
}

export function opens({views}: Key, view: string): boolean {
  return views === '*' || views.includes(view);
}
