import type {Environment, EnvironmentTables, Writing} from './environment.ts';
import {storeError, storeFailed} from './store-error.ts';

type WrittenTo<W extends Writing> = Pick<Environment<EnvironmentTables, W>, 'db' | 'writing' | 'ensure' | 'lose'>;
type Body<W> = {run(txn: W): unknown; resolve(value: unknown): void; reject(error: unknown): void};

/**
 * Runs the bodies that wait and commits them together: one flush to the disk costs more than most bodies.
 *
 * 1. Bodies run in the order in which they came, each in one turn, and are answered when the commit is durable.
 * 2. A body that throws leaves nothing behind and takes nobody with it. If the commit fails, all that it held fail.
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
    const settlements: (() => void)[] = [];
    try {
      this.#environment.ensure();
      this.#environment.db.root.transactionSync(() => {
        // One alone needs no transaction of its own within this one.
        if (bodies.length === 1) settlements.push(this.#run(bodies[0]!));
        else for (const body of bodies) settlements.push(this.#runApart(body));
      });
    } catch (error) {
      this.#environment.lose();
      const told = error instanceof Thrown ? error.value : this.#explain(error);
      for (const {reject} of bodies) reject(told);
      return;
    }
    for (const settle of settlements) settle();
  }

  #runApart(body: Body<W>): () => void {
    try {
      return this.#environment.db.root.transactionSync(() => this.#run(body));
    } catch (error) {
      if (!(error instanceof Thrown)) throw error;
      this.#environment.writing.forget();
      return () => body.reject(error.value);
    }
  }

  /** Returns what tells the body's owner. */
  #run({run, resolve}: Body<W>): () => void {
    const {writing} = this.#environment;
    try {
      const value = run(writing);
      writing.flush();
      return () => resolve(value);
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
