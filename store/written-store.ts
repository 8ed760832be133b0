import {CommitQueue} from './commit-queue.ts';
import {type Databases, readSnapshot} from './databases.ts';
import type {Environment, EnvironmentTables, Writing} from './environment.ts';
import {storeError, storeFailed} from './store-error.ts';

const readerCheckMs = 2_000;

type Closing = {
  directory: string;
  /** Called when nothing is open any more. */
  release: () => void;
};

/** An environment that this process alone writes: reads of one snapshot, and bodies that are committed together. */
export class WrittenStore<T extends EnvironmentTables & Pick<Databases, 'meta'>, Read, W extends Writing & Read> {
  readonly #environment: Environment<T, W>;
  readonly #readingFrom: (tables: T) => Read;
  readonly #closing: Closing;
  readonly #queue: CommitQueue<W>;
  readonly #readerCheck: NodeJS.Timeout;
  #isClosed = false;
  /** An environment must not be closed while it is copied. */
  readonly #copies = new Set<Promise<unknown>>();

  constructor(environment: Environment<T, W>, readingFrom: (tables: T) => Read, closing: Closing) {
    this.#environment = environment;
    this.#readingFrom = readingFrom;
    this.#closing = closing;
    this.#queue = new CommitQueue(environment, closing.directory);
    // A reader that was killed would pin its snapshot, and the file would grow for good.
    this.#readerCheck = setInterval(() => environment.db.root.readerCheck(), readerCheckMs).unref();
  }

  read<R>(body: (txn: Read) => R): R {
    const {db} = this.#environment;
    try {
      return readSnapshot(db, () => body(this.#readingFrom(db)));
    } catch (error) {
      throw storeError(error, this.#closing.directory) ?? error;
    }
  }

  async write<R>(body: (txn: W) => R): Promise<R> {
    if (this.#isClosed) throw storeFailed('it is closed', this.#closing.directory);
    return this.#queue.write(body);
  }

  /**
   * Writes all that is stored at one moment, without the free space in it, to a file that does not exist yet; reads and writes
   * go on. What fails leaves a part of the file behind.
   */
  async backup(file: string): Promise<void> {
    if (this.#isClosed) throw storeFailed('it is closed', this.#closing.directory);
    const copy = this.#environment.db.root.backup(file, true);
    this.#copies.add(copy);
    try {
      await copy;
    } catch (error) {
      throw storeError(error, this.#closing.directory) ?? storeFailed(error, this.#closing.directory);
    } finally {
      this.#copies.delete(copy);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#readerCheck);
    this.#queue.drain();
    await Promise.allSettled(this.#copies);
    await this.#environment.close();
    this.#closing.release();
  }
}
