import {hash} from 'node:crypto';
import type {KeyConfig} from '../../core/config/schema.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {NodeName} from '../../core/identity/certifier.ts';
import type {AcceptedKey, Key, KeyRegistry} from '../../core/identity/key.ts';
import {KeyIndex} from '../../core/identity/key-index.ts';

export {hashedKey, type Key} from '../../core/identity/key.ts';

export function hashKeys(keys: readonly KeyConfig[]): Key[] {
  return keys.map(({key, ...rest}) => ({...rest, sha256: hash('sha256', key)}));
}

/** The keys that a server accepts: those of its configuration, and those of registries where it has them. */
export class KeyRing {
  readonly #configured = new KeyIndex();
  readonly #registries: readonly KeyRegistry[];

  constructor(keys: readonly Key[], registries: readonly KeyRegistry[] = []) {
    this.#registries = registries;
    this.replace(keys);
  }

  /** From now on only these, of the configuration. */
  replace(keys: readonly Key[]): void {
    this.#configured.replace(keys);
  }

  /** Those of the configuration. */
  configured(): Key[] {
    return this.#configured.keys();
  }

  /** Throws UNAUTHENTICATED. */
  authenticate(headers: SentKey): AcceptedKey {
    const sent = sentKey(headers);
    if (sent === undefined) {
      throw new FustorError('UNAUTHENTICATED', 'No API key was sent.', {
        hint: 'Send it as "Authorization: Bearer KEY" or "X-API-Key: KEY"; fustorctl takes it from FUSTOR_KEY, --key or a context.',
      });
    }
    const sha256 = hash('sha256', sent);
    for (const keys of [this.#configured, ...this.#registries]) {
      const found = keys.find(sha256);
      if (found) return found;
    }
    throw new FustorError('UNAUTHENTICATED', 'The API key is not known here.', {
      hint: 'Check it for a typing mistake, and that it was not revoked or removed from "keys" of this server.',
    });
  }
}

export type SentKey = {authorization: string | undefined; apiKey: string | undefined};

/** Undefined: none was sent. */
export function sentKey({authorization, apiKey}: SentKey): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? apiKey;
}

export function mayQuery({role}: Key): boolean {
  return role !== 'agent' && role !== 'fusion';
}

export function mayFeed({role}: Key): boolean {
  return role === 'agent' || role === 'admin';
}

/** As a node does to its controller. */
export function mayReport({role}: Key): boolean {
  return role === 'agent' || role === 'fusion' || role === 'admin';
}

export function mayOrder({role}: Key): boolean {
  return role === 'operator' || role === 'admin';
}

export function mayAdminister({role}: Key): boolean {
  return role === 'admin';
}

/** A node's own token speaks for this node only. Throws FORBIDDEN. */
export function demandNode({node}: Key, {kind, id}: NodeName): void {
  if (!node || (node.kind === kind && node.id === id)) return;
  throw new FustorError('FORBIDDEN', `The token of the ${node.kind} ${node.id} cannot speak for the ${kind} ${id}.`, {
    hint: 'Each node has an identity of its own: enrol this one.',
  });
}

/** Also what is of the whole site and of no view: a reader with some views is there for these alone. */
export function seesAll({role, views}: Key): boolean {
  return role !== 'reader' || views === '*';
}

export function opens({views}: Key, view: string): boolean {
  return views === '*' || views.includes(view);
}
