import type {ControlStore} from '../control/control-store.ts';
import {FustorError} from '../errors/fustor-error.ts';
import {Signal} from '../pipe/signal.ts';
import type {Clock} from '../time/clock.ts';
import type {AcceptedKey, Key, KeyRegistry} from './key.ts';
import {KeyIndex} from './key-index.ts';
import {newToken, tokenHash} from './tokens.ts';

export type ApiKeyRole = 'admin' | 'operator' | 'reader' | 'agent';

/** In the table `apiKeys`, by name. */
type StoredApiKey = {
  sha256: string;
  role: ApiKeyRole;
  views: readonly string[] | '*';
  user: string | undefined;
  createdAt: number;
  createdBy: string;
  expiresAt: number | undefined;
};

export type NewApiKey = {
  name: string;
  role: ApiKeyRole;
  views: readonly string[] | '*';
  user?: string | undefined;
  expiresInMs?: number | undefined;
  by: string;
};

export type ApiKeyAnswer = ReturnType<typeof answer>;

/** Keys that administrators make and revoke while the controller runs. Only their hashes are kept. */
export class ApiKeys implements KeyRegistry {
  /** A key was made, was revoked, or is over. */
  readonly changed = new Signal();
  readonly #store: ControlStore;
  readonly #clock: Clock;
  readonly #index = new KeyIndex();

  constructor({store, clock}: {store: ControlStore; clock: Clock}) {
    this.#store = store;
    this.#clock = clock;
    for (const {key: name, value} of this.#stored()) if (!this.#isOver(value)) this.#index.put(keyOf(name, value));
  }

  find(sha256: string): AcceptedKey | undefined {
    return this.#index.find(sha256);
  }

  /** Those that count now. */
  keys(): Key[] {
    return this.#index.keys();
  }

  /** `key` is told here and never again. Throws ALREADY_EXISTS. */
  async create({name, role, views, user, expiresInMs, by}: NewApiKey): Promise<ApiKeyAnswer & {key: string}> {
    const key = newToken('key');
    const createdAt = this.#clock.now();
    const expiresAt = expiresInMs === undefined ? undefined : createdAt + expiresInMs;
    const stored: StoredApiKey = {sha256: tokenHash(key), role, views, user, createdAt, createdBy: by, expiresAt};
    await this.#store.write(txn => {
      if (txn.record('apiKeys', name)) {
        throw new FustorError('ALREADY_EXISTS', `There is a key "${name}" already.`, {
          hint: 'Choose another name, or revoke that key first.',
        });
      }
      txn.putRecord('apiKeys', name, stored);
    });
    this.#index.put(keyOf(name, stored));
    this.changed.raise();
    return {...answer(name, stored), key};
  }

  list(): ApiKeyAnswer[] {
    return this.#stored().map(({key: name, value}) => answer(name, value));
  }

  /** It is refused from now on, and who waits for an answer with it is answered. Throws NOT_FOUND. */
  async revoke(name: string): Promise<void> {
    const sha256 = await this.#store.write(txn => {
      const stored = txn.record<StoredApiKey>('apiKeys', name);
      if (!stored) {
        throw new FustorError('NOT_FOUND', `There is no key "${name}" that was made here.`, {
          hint: 'A key that stands in the configuration file of the controller, or in the desired state, is removed there.',
        });
      }
      txn.removeRecord('apiKeys', name);
      return stored.sha256;
    });
    this.#index.remove(sha256);
    this.changed.raise();
  }

  /** What time brings: keys are over. They stay in the list. Called about once a second. */
  tick(): void {
    const over = this.#stored().filter(({value}) => this.#isOver(value) && this.#index.find(value.sha256));
    for (const {value} of over) this.#index.remove(value.sha256);
    if (over.length > 0) this.changed.raise();
  }

  #isOver({expiresAt}: StoredApiKey): boolean {
    return expiresAt !== undefined && expiresAt <= this.#clock.now();
  }

  #stored(): {key: string; value: StoredApiKey}[] {
    return this.#store.read(txn => txn.records<StoredApiKey>('apiKeys'));
  }
}

function keyOf(name: string, {sha256, role, views, user}: StoredApiKey): Key {
  return {name, role, sha256, views, ...(user !== undefined && {user})};
}

function answer(name: string, {role, views, user, createdAt, createdBy, expiresAt}: StoredApiKey) {
  return {
    name,
    role,
    views,
    user: user ?? null,
    created_at: new Date(createdAt).toISOString(),
    created_by: createdBy,
    expires_at: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
  };
}
