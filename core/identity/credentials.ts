import type {ControlStore} from '../control/control-store.ts';
import {FustorError} from '../errors/fustor-error.ts';
import {Signal} from '../pipe/signal.ts';
import type {Clock} from '../time/clock.ts';
import type {Sealing} from './sealing.ts';

/** In the table `credentials`, by name. */
type StoredCredential = {sealed: Uint8Array; changedAt: number; changedBy: string};

export type CredentialAnswer = {name: string; changed_at: string; changed_by: string};

/** What `${secret:NAME}` stands for. No value is ever told but to the nodes that need it. */
export class Credentials {
  /** There is another value for a name, or none. */
  readonly changed = new Signal();
  readonly #store: ControlStore;
  readonly #clock: Clock;
  readonly #sealing: Sealing;

  constructor({store, clock, sealing}: {store: ControlStore; clock: Clock; sealing: Sealing}) {
    this.#store = store;
    this.#clock = clock;
    this.#sealing = sealing;
  }

  /** A name that is there already has this value from now on. */
  async put({name, value, by}: {name: string; value: string; by: string}): Promise<{isNew: boolean}> {
    const sealed = this.#sealing.seal(Buffer.from(value));
    const stored: StoredCredential = {sealed, changedAt: this.#clock.now(), changedBy: by};
    const isNew = await this.#store.write(txn => {
      const isNew = txn.record('credentials', name) === undefined;
      txn.putRecord('credentials', name, stored);
      return isNew;
    });
    this.changed.raise();
    return {isNew};
  }

  /** Throws SECRETS_UNREADABLE. */
  value(name: string): string | undefined {
    const stored = this.#store.read(txn => txn.record<StoredCredential>('credentials', name));
    return stored && Buffer.from(this.#sealing.open(stored.sealed)).toString();
  }

  list(): CredentialAnswer[] {
    return this.#store
      .read(txn => txn.records<StoredCredential>('credentials'))
      .map(({key: name, value: {changedAt, changedBy}}) => ({
        name,
        changed_at: new Date(changedAt).toISOString(),
        changed_by: changedBy,
      }));
  }

  /** `usersOf` tells what in the desired state names it. Throws NOT_FOUND or IN_USE. */
  async remove(name: string, usersOf: (name: string) => readonly string[]): Promise<void> {
    await this.#store.write(txn => {
      if (!txn.record('credentials', name)) throw new FustorError('NOT_FOUND', `There is no credential "${name}".`);
      const users = usersOf(name);
      if (users.length > 0) {
        throw new FustorError('IN_USE', `The credential "${name}" is used by ${users.join(', ')}.`, {
          hint: `Take "\${secret:${name}}" out of the configuration first.`,
          details: {used_by: users},
        });
      }
      txn.removeRecord('credentials', name);
    });
    this.changed.raise();
  }
}
