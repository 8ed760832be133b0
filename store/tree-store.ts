import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {type Entry, kinds, zeroTime} from '../core/entry/entry.ts';
import {FustorError} from '../core/errors/fustor-error.ts';
import {rootName, type TreeRead, type TreeReader, type TreeStore, type TreeWrite} from '../core/tree/tree-store.ts';
import {type Databases, explainWriteError, getNumber, openDatabases} from './databases.ts';
import {emptyTree} from './empty-tree.ts';
import {tryLock} from './file-lock.ts';
import {prepareLocalDirectory} from './local-disk.ts';
import {migrate} from './migrations/migrate.ts';
import {LmdbTreeRead} from './tree-read.ts';
import {LmdbTreeWrite} from './tree-write.ts';

const fileName = 'tree.mdb';
const readerCheckMs = 2_000;
const bodiesPerCommitMax = 64;

type Body = {run(txn: TreeWrite): unknown; resolve(value: unknown): void; reject(error: unknown): void};

/**
 * Opens a view's tree to write: makes it when it is missing, brings an older format up to date. Throws DATA_DIR_UNUSABLE (no
 * access, a network file system, another process has it) or STORE_FORMAT; nothing was changed then.
 */
export async function openTreeStore(directory: string): Promise<TreeStore> {
  prepareLocalDirectory(directory);
  const lock = tryLock(join(directory, 'writer.lock'));
  if (!lock) {
    throw new FustorError(
      'DATA_DIR_UNUSABLE',
      `Cannot open the store ${directory}: another process is writing to it.`,
      {
        hint: 'Stop the other fusion, or give each its own "data" directory.',
      },
    );
  }
  try {
    const db = openDatabases(join(directory, fileName), {readOnly: false})!;
    migrate(db, directory);
    plant(db);
    return new LmdbTreeStore(db, directory, () => lock.release());
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Opens a view's tree to read, from any process, at any time: until the engine has made it, it reads as an empty tree. */
export function openTreeReader(directory: string): TreeReader {
  return new LmdbTreeReader(join(directory, fileName));
}

class LmdbTreeReader implements TreeReader {
  readonly #path: string;
  #db: Databases | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.#path = path;
  }

  read<T>(body: (txn: TreeRead) => T): T {
    this.#db ??= this.#tryOpen();
    return this.#db ? readSnapshot(this.#db, body) : body(emptyTree);
  }

  async close(): Promise<void> {
    await this.#db?.root.close();
  }

  #tryOpen(): Databases | undefined {
    const now = performance.now();
    if (now - this.#triedAt < 50) return undefined;
    this.#triedAt = now;
    if (!existsSync(this.#path)) return undefined;
    const db = openDatabases(this.#path, {readOnly: true});
    // The engine is just making it: the root comes with the same transaction as the numbers.
    if (db && getNumber(db, 'nextDirectory') !== undefined) return db;
    void db?.root.close();
    return undefined;
  }
}

class LmdbTreeStore implements TreeStore {
  readonly #db: Databases;
  readonly #directory: string;
  readonly #release: () => void;
  readonly #tree: LmdbTreeWrite;
  readonly #readerCheck: NodeJS.Timeout;
  #waiting: Body[] = [];
  #isClosed = false;

  constructor(db: Databases, directory: string, release: () => void) {
    this.#db = db;
    this.#directory = directory;
    this.#release = release;
    this.#tree = new LmdbTreeWrite(db);
    // A reader that was killed would pin its snapshot, and the file would grow for good.
    this.#readerCheck = setInterval(() => db.root.readerCheck(), readerCheckMs).unref();
  }

  read<T>(body: (txn: TreeRead) => T): T {
    return readSnapshot(this.#db, body);
  }

  write<T>(body: (txn: TreeWrite) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isClosed) return reject(new Error(`The store ${this.#directory} is closed.`));
      this.#waiting.push({run: body, resolve: resolve as (value: unknown) => void, reject});
      if (this.#waiting.length === 1) setImmediate(() => this.#commit());
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    while (this.#waiting.length > 0) this.#commit();
    clearInterval(this.#readerCheck);
    await this.#db.root.close();
    this.#release();
  }

  /** Bodies that wait share one commit, each in a transaction of its own within it. */
  #commit(): void {
    const bodies = this.#waiting.splice(0, bodiesPerCommitMax);
    if (this.#waiting.length > 0) setImmediate(() => this.#commit());
    if (bodies.length === 0) return;
    const outcomes: (() => void)[] = [];
    try {
      this.#db.root.transactionSync(() => {
        for (const body of bodies) outcomes.push(this.#runBody(body));
      });
    } catch (error) {
      this.#tree.forget();
      const explained = explainWriteError(error, this.#directory);
      for (const {reject} of bodies) reject(explained);
      return;
    }
    for (const settle of outcomes) settle();
  }

  #runBody({run, resolve, reject}: Body): () => void {
    try {
      const value = this.#db.root.transactionSync(() => {
        const result = run(this.#tree);
        this.#tree.flush();
        return {result};
      });
      return () => resolve(value.result);
    } catch (error) {
      this.#tree.forget();
      return () => reject(explainWriteError(error, this.#directory));
    }
  }
}

/**
 * lmdb-js keeps one read transaction for all reads of a turn of the event loop. Ended here at once, so that a body
 * sees the newest commit, and nothing pins old pages after it.
 */
function readSnapshot<T>(db: Databases, body: (txn: TreeRead) => T): T {
  db.root.resetReadTxn();
  try {
    return body(new LmdbTreeRead(db));
  } finally {
    db.root.resetReadTxn();
  }
}

/** A new store has a root of which nothing is known. */
function plant(db: Databases): void {
  if (getNumber(db, 'nextDirectory') !== undefined) return;
  db.root.transactionSync(() => {
    const tree = new LmdbTreeWrite(db);
    tree.plant(unknownRoot);
    tree.flush();
  });
}

const unknownRoot: Entry = {
  name: rootName,
  kind: kinds.directory,
  size: 0,
  mtime: zeroTime,
  ctime: zeroTime,
  hasAttributes: false,
  realtimeAt: 0,
  agent: 0,
  isSuspect: false,
  isBlindSpot: false,
  directory: 0,
};
