import {closeDatabases, type Databases, openDatabases} from './databases.ts';
import {isPanic} from './store-error.ts';
import {LmdbTreeWrite} from './tree-write.ts';

/** A view's environment as its writer has it open: the tables, and the tree with what it keeps of them in memory. */
export class Environment {
  readonly #path: string;
  #db: Databases;
  #tree: LmdbTreeWrite;
  #isCertain = true;

  constructor(path: string) {
    this.#path = path;
    this.#db = openDatabases(path, {readOnly: false})!;
    this.#tree = new LmdbTreeWrite(this.#db);
  }

  get db(): Databases {
    return this.#db;
  }

  get tree(): LmdbTreeWrite {
    return this.#tree;
  }

  /** Before a transaction: makes up for what could not be done after one that failed. */
  ensure(): void {
    if (!this.#isCertain) this.#goBack();
  }

  /** After a transaction that left nothing behind: memory goes back to what is stored, now or when it can. */
  lose(): void {
    this.#isCertain = false;
    try {
      this.#goBack();
    } catch {
      // The disk fails reading too: `ensure` tries again, and tells.
    }
  }

  close(): Promise<void> {
    return closeDatabases(this.#path, this.#db);
  }

  #goBack(): void {
    try {
      this.#tree.forget();
    } catch (error) {
      if (!isPanic(error)) throw error;
      this.#openAgain();
    }
    this.#isCertain = true;
  }

  /** LMDB does nothing any more with an environment in which the write failed that makes a commit valid. */
  #openAgain(): void {
    void closeDatabases(this.#path, this.#db);
    this.#db = openDatabases(this.#path, {readOnly: false})!;
    this.#tree = new LmdbTreeWrite(this.#db);
  }
}
