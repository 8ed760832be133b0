import type {Environment, EnvironmentTables, Writing} from './environment.ts';
import {storeError, storeFailed} from './store-error.ts';

type WrittenTo<W extends Writing> = Pick<Environment<EnvironmentTables, W>, 'db' | 'writing' | 'ensure' | 'lose'>;
type Body<W> = {run(txn: W): unknown; resolve(value: unknown): void; reject(error: unknown): void};

/**
 * Runs the bodies that wait and commits them together: one flush to the disk costs more than most bodies.
 *
 * 1. Bodies run in the order in which they came, each in one turn, and are answered when the commit is durable.
 * 2. A body that throws leaves nothing behind and takes nobody with it: if others waited with it all run again, each in a transaction
 *    of its own within the commit. So a body may run twice, and does nothing but write. If the commit fails, all that it held fail.
 * 3. STORE_FULL and STORE_FAILED are errors of the store, whoever met them; every other error is what the body threw.
 */
export class CommitQueue<W extends Writing> {
  readonly #environment: WrittenTo<W>;
  readonly #directory: string;
  #waiting: Body<W>[] = [];

  /** `directory` is where the store is, for errors. */
  constructor(environment: WrittenTo<W>, directory: string) {
    this.#environment = environment;
    this.#directory = directory;
  }

  write<T>(run: (txn: W) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({run, resolve: resolve as (value: unknown) => void, reject});
      if (this.#waiting.length === 1) setImmediate(() => this.#commit());
    });
  }

  /** Commits what waits, now. */
  drain(): void {
    while (this.#waiting.length > 0) this.#commit();
  }

  #commit(): void {
    const bodies = this.#waiting.splice(0);
    if (bodies.length === 0) return;
    try {
      this.#environment.ensure();
      for (const settle of this.#together(bodies) ?? this.#apart(bodies)) settle();
    } catch (error) {
      this.#environment.lose();
      const told = error instanceof Thrown ? error.value : this.#explain(error);
      for (const {reject} of bodies) reject(told);
    }
  }

  /** As one, which is cheaper than a transaction within the transaction for each. Undefined when one of several throws. */
  #together(bodies: readonly Body<W>[]): (() => void)[] | undefined {
    try {
      return this.#environment.db.root.transactionSync(() => this.#run(bodies));
    } catch (error) {
      if (error instanceof Thrown && bodies.length > 1) return undefined;
      throw error;
    }
  }

  #apart(bodies: readonly Body<W>[]): (() => void)[] {
    const {db, writing} = this.#environment;
    return db.root.transactionSync(() => {
      writing.forget(); // what was left in memory by those that ran together
      return bodies.flatMap(body => {
        try {
          return db.root.transactionSync(() => this.#run([body]));
        } catch (error) {
          if (!(error instanceof Thrown)) throw error;
          writing.forget();
          return () => body.reject(error.value);
        }
      });
    });
  }

  /** Returns what tells the owners. */
  #run(bodies: readonly Body<W>[]): (() => void)[] {
    const {writing} = this.#environment;
    try {
      const values = bodies.map(({run}) => run(writing));
      writing.flush();
      return bodies.map(
        ({resolve}, index) =>
          () =>
            resolve(values[index]),
      );
    } catch (error) {
      throw storeError(error, this.#directory) ?? new Thrown(error);
    }
  }

  #explain(error: unknown): unknown {
    return storeError(error, this.#directory) ?? storeFailed(error, this.#directory);
  }
}

/** What a body threw, on its way out of the transaction. */
class Thrown {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}
