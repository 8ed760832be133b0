import {hash} from 'node:crypto';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {GatewayConfig} from './gateway-config.ts';

export type Key = GatewayConfig['keys'][number];

/**
 * The keys of this fusion, by hash: what an attacker could learn from the time of a lookup is about the hash of a guess,
 * which tells nothing about the key.
 */
export class KeyRing {
  readonly #byHash: Map<string, Key>;

  constructor(keys: readonly Key[]) {
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
      hint: 'Check it for a typing mistake, and that it stands under "keys" of this fusion.',
    });
  }
}

export function mayQuery({role}: Key): boolean {
  return role !== 'agent';
}

export function mayFeed({role}: Key): boolean {
  return role === 'agent' || role === 'admin';
}

export function opens({views}: Key, view: string): boolean {
  return views === '*' || views.includes(view);
}
