import {isDeepStrictEqual} from 'node:util';
import type {AcceptedKey, Key, KeyRegistry} from './key.ts';

type Entry = {key: Key; revocation: AbortController};

/**
 * Keys by hash: what an attacker could learn from the time of a lookup is about the hash of a guess, which tells nothing
 * about the key. It costs the same whatever is asked.
 */
export class KeyIndex implements KeyRegistry {
  #byHash = new Map<string, Entry>();

  find(sha256: string): AcceptedKey | undefined {
    const entry = this.#byHash.get(sha256);
    return entry && {key: entry.key, revoked: entry.revocation.signal};
  }

  keys(): Key[] {
    return Array.from(this.#byHash.values(), ({key}) => key);
  }

  put(key: Key): void {
    const known = this.#byHash.get(key.sha256);
    if (known && isDeepStrictEqual(known.key, key)) return;
    this.remove(key.sha256);
    this.#byHash.set(key.sha256, {key, revocation: new AbortController()});
  }

  /** Who waits for an answer with this key hears of it. */
  remove(sha256: string): void {
    const entry = this.#byHash.get(sha256);
    if (!entry) return;
    this.#byHash.delete(sha256);
    entry.revocation.abort('over'); // without a reason an exception with a stack would be made each time
  }

  /** From now on only these. */
  replace(keys: readonly Key[]): void {
    const wanted = new Set(keys.map(({sha256}) => sha256));
    for (const sha256 of [...this.#byHash.keys()]) if (!wanted.has(sha256)) this.remove(sha256);
    for (const key of keys) this.put(key);
  }
}
