import type {Databases} from './databases.ts';

/** What bodies write with. `flush` ends a body, `forget` follows a transaction that left nothing behind. */
export interface Writing {
  flush(): void;
  forget(): void;
}

type Body<W> = {run(txn: W): unknown; resolve(value: unknown): void; reject(error: unknown): void};

/**
 * Runs the bodies that wait and commits them together: one flush to the disk costs more than most bodies.
 *
 * 1. Bodies run in the order in which they came, each in one turn, and are answered when the commit is durable.
 * 2. A body that throws leaves nothing behind and takes nobody with it. If the commit fails, all that it held fail.
 */
export class CommitQueue<W extends Writing> {
  readonly #db: Pick<Databases, 'root'>;
  readonly #txn: W;
  readonly #explain: (error: unknown) => unknown;
  #waiting: Body<W>[] = [];

  constructor(db: Pick<Databases, 'root'>, txn: W, explain: (error: unknown) => unknown) {
    this.#db = db;
    this.#txn = txn;
    this.#explain = explain;
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
      this.#db.root.transactionSync(() => {
        // One alone needs no transaction of its own within this one.
        if (bodies.length === 1) settlements.push(this.#run(bodies[0]!));
        else for (const body of bodies) settlements.push(this.#runApart(body));
      });
    } catch (error) {
      this.#txn.forget();
      for (const {reject} of bodies) reject(this.#explain(error));
      return;
    }
    for (const settle of settlements) settle();
  }

  #runApart(body: Body<W>): () => void {
    try {
      return this.#db.root.transactionSync(() => this.#run(body));
    } catch (error) {
      this.#txn.forget();
      return () => body.reject(this.#explain(error));
    }
  }

  /** Returns what tells the body's owner. */
  #run({run, resolve}: Body<W>): () => void {
    const value = run(this.#txn);
    this.#txn.flush();
    return () => resolve(value);
  }
}
