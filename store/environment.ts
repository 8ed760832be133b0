import type {RootDatabase} from 'lmdb';
import {closeDatabases} from './databases.ts';
import {isPanic} from './store-error.ts';

/** What bodies write with. `flush` ends a body, `forget` follows a transaction that left nothing behind. */
export interface Writing {
  flush(): void;
  forget(): void;
}

export type EnvironmentTables = {root: RootDatabase<Buffer, Buffer>};

/** How an environment is opened to write, and what is written with. */
type Opening<T, W> = {open: () => T; writingTo: (tables: T) => W};

/** An environment as its writer has it open: the tables, and what bodies write with, which may keep some of them in memory. */
export class Environment<T extends EnvironmentTables, W extends Writing> {
  readonly #path: string;
  readonly #opening: Opening<T, W>;
  #db: T;
  #writing: W;
  #isCertain = true;

  constructor(path: string, opening: Opening<T, W>) {
    this.#path = path;
    this.#opening = opening;
    this.#db = opening.open();
    this.#writing = opening.writingTo(this.#db);
  }

  get db(): T {
    return this.#db;
  }

  get writing(): W {
    return this.#writing;
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
      this.#writing.forget();
    } catch (error) {
      if (!isPanic(error)) throw error;
      this.#openAgain();
    }
    this.#isCertain = true;
  }

  /** LMDB does nothing any more with an environment in which the write failed that makes a commit valid. */
  #openAgain(): void {
    closeDatabases(this.#path, this.#db).catch(() => {}); // the disk may let nobody in any more; `open` tells
    this.#db = this.#opening.open();
    this.#writing = this.#opening.writingTo(this.#db);
  }
}
