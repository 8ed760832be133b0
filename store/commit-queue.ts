import type {TreeWrite} from '../core/tree/tree-store.ts';
import type {Databases} from './databases.ts';
import type {LmdbTreeWrite} from './tree-write.ts';

type Body = {run(txn: TreeWrite): unknown; resolve(value: unknown): void; reject(error: unknown): void};

/**
 * Runs the bodies that wait and commits them together: one flush to the disk costs more than most bodies.
 *
 * 1. Bodies run in the order in which they came, each in one turn, and are answered when the commit is durable.
 * 2. A body that throws leaves nothing behind and takes nobody with it. If the commit fails, all that it held fail.
 */
export class CommitQueue {
  readonly #db: Databases;
  readonly #tree: LmdbTreeWrite;
  readonly #explain: (error: unknown) => unknown;
  #waiting: Body[] = [];

  constructor(db: Databases, tree: LmdbTreeWrite, explain: (error: unknown) => unknown) {
    this.#db = db;
    this.#tree = tree;
    this.#explain = explain;
  }

  write<T>(run: (txn: TreeWrite) => T): Promise<T> {
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
      this.#tree.forget();
      for (const {reject} of bodies) reject(this.#explain(error));
      return;
    }
    for (const settle of settlements) settle();
  }

  #runApart(body: Body): () => void {
    try {
      return this.#db.root.transactionSync(() => this.#run(body));
    } catch (error) {
      this.#tree.forget();
      return () => body.reject(this.#explain(error));
    }
  }

  /** Returns what tells the body's owner. */
  #run({run, resolve}: Body): () => void {
    const value = run(this.#tree);
    this.#tree.flush();
    return () => resolve(value);
  }
}
