import {join} from 'node:path';
import {kinds, newEntryFrom, zeroTime} from '../core/entry/entry.ts';
import {FustorError} from '../core/errors/fustor-error.ts';
import {rootName, type TreeRead, type TreeReader, type TreeStore, type TreeWrite} from '../core/tree/tree-store.ts';
import {CommitQueue} from './commit-queue.ts';
import {
  closeDatabases,
  type Databases,
  explainWriteError,
  getNumber,
  openDatabases,
  readSnapshot,
} from './databases.ts';
import {fileKind} from './file-header.ts';
import {tryLock} from './file-lock.ts';
import {prepareLocalDirectory} from './local-disk.ts';
import {migrate, notOurs} from './migrations/migrate.ts';
import {LmdbTreeRead} from './tree-read.ts';
import {LmdbTreeReader, type OnFault} from './tree-reader.ts';
import {LmdbTreeWrite} from './tree-write.ts';

const fileName = 'tree.mdb';
const readerCheckMs = 2_000;

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
    const path = join(directory, fileName);
    if (fileKind(path) === 'foreign') throw notOurs(path);
    const db = openDatabases(path, {readOnly: false})!;
    try {
      plant(db);
      migrate(db, path);
      return new LmdbTreeStore(db, {directory, path}, () => lock.release());
    } catch (error) {
      await closeDatabases(path, db);
      throw error;
    }
  } catch (error) {
    lock.release();
    throw explainWriteError(error, directory);
  }
}

/**
 * Opens a view's tree to read, from any process, at any time: until the engine has made it, it reads as an empty tree, and
 * while it cannot be read as one that says so.
 */
export function openTreeReader(directory: string, onFault?: OnFault): TreeReader {
  return new LmdbTreeReader(join(directory, fileName), onFault);
}

class LmdbTreeStore implements TreeStore {
  readonly #db: Databases;
  readonly #place: {directory: string; path: string};
  readonly #release: () => void;
  readonly #queue: CommitQueue;
  readonly #readerCheck: NodeJS.Timeout;
  #isClosed = false;

  constructor(db: Databases, place: {directory: string; path: string}, release: () => void) {
    this.#db = db;
    this.#place = place;
    this.#release = release;
    this.#queue = new CommitQueue(db, new LmdbTreeWrite(db), error => explainWriteError(error, place.directory));
    // A reader that was killed would pin its snapshot, and the file would grow for good.
    this.#readerCheck = setInterval(() => db.root.readerCheck(), readerCheckMs).unref();
  }

  read<T>(body: (txn: TreeRead) => T): T {
    return readSnapshot(this.#db, () => body(new LmdbTreeRead(this.#db)));
  }

  async write<T>(body: (txn: TreeWrite) => T): Promise<T> {
    if (this.#isClosed) throw new Error(`The store ${this.#place.directory} is closed.`);
    return this.#queue.write(body);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#readerCheck);
    this.#queue.drain();
    await closeDatabases(this.#place.path, this.#db);
    this.#release();
  }
}

/** A new store has a root of which nothing is known. Its format is written after it: a reader waits for that. */
function plant(db: Databases): void {
  if (getNumber(db, 'nextDirectory') !== undefined) return;
  const attributes = {kind: kinds.directory, size: 0, mtime: zeroTime, ctime: zeroTime};
  db.root.transactionSync(() => {
    const tree = new LmdbTreeWrite(db);
    tree.plant({...newEntryFrom(rootName, attributes), hasAttributes: false});
    tree.flush();
  });
}
