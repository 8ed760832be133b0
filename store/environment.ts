import {closeDatabases, type Databases} from './databases.ts';
import {isPanic} from './store-error.ts';

/** What bodies write with. `flush` ends a body; `forget` follows a transaction that left nothing behind, and reads. */
export interface Writing {
  flush(): void;
  forget(): void;
}

type Opened<Tables, W> = {db: Tables; writing: W};

/** An environment as its writer has it open: the tables, and what writes to them with what it keeps of them in memory. */
export class Environment<Tables extends Pick<Databases, 'root'>, W extends Writing> {
  readonly #path: string;
  readonly #open: (path: string) => Opened<Tables, W>;
  #opened: Opened<Tables, W>;
  #isCertain = true;

  constructor(path: string, open: (path: string) => Opened<Tables, W>) {
    this.#path = path;
    this.#open = open;
    this.#opened = open(path);
  }

  get db(): Tables {
    return this.#opened.db;
  }

  get writing(): W {
    return this.#opened.writing;
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
    return closeDatabases(this.#path, this.db);
  }

  #goBack(): void {
    try {
      this.writing.forget();
    } catch (error) {
      if (!isPanic(error)) throw error;
      this.#openAgain();
    }
    this.#isCertain = true;
  }

  /** LMDB does nothing any more with an environment in which the write failed that makes a commit valid. */
  #openAgain(): void {
    void closeDatabases(this.#path, this.db);
    this.#opened = this.#open(this.#path);
  }
}
