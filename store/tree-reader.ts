import {statSync} from 'node:fs';
import type {TreeRead, TreeReader} from '../core/tree/tree-store.ts';
import {closeDatabases, type Databases, getNumber, openDatabases, readSnapshot} from './databases.ts';
import {emptyTree} from './empty-tree.ts';
import {fileKind} from './file-header.ts';
import {currentFormat, unreadableFormat} from './migrations/migrate.ts';
import {LmdbTreeRead} from './tree-read.ts';

const lookForMissingMs = 50;
const lookForReplacedMs = 1_000;

/**
 * A view's tree for any process but its engine's. Until the engine has made it, it reads as an empty tree; a view that is
 * dropped and made again is found again. Both cost one look at the file now and then.
 */
export class LmdbTreeReader implements TreeReader {
  readonly #path: string;
  #db: Databases | undefined;
  #inode = 0n;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.#path = path;
  }

  read<T>(body: (txn: TreeRead) => T): T {
    this.#look();
    return this.#db ? readSnapshot(this.#db, () => body(new LmdbTreeRead(this.#db!))) : body(emptyTree);
  }

  async close(): Promise<void> {
    await this.#leave();
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#lookedAt < (this.#db ? lookForReplacedMs : lookForMissingMs)) return;
    this.#lookedAt = now;
    const inode = statSync(this.#path, {bigint: true, throwIfNoEntry: false})?.ino;
    if (this.#db && inode === this.#inode && this.#formatOf(this.#db) === currentFormat) return;
    void this.#leave();
    if (inode === undefined) return;
    this.#inode = inode;
    this.#db = this.#open();
  }

  /** Undefined until the engine has made the tree, or brought an older format up to date. */
  #open(): Databases | undefined {
    if (fileKind(this.#path) !== 'lmdb') return undefined;
    const db = openDatabases(this.#path, {readOnly: true});
    if (!db) return undefined;
    const format = this.#formatOf(db) ?? 0;
    if (format === currentFormat) return db;
    void closeDatabases(this.#path, db);
    if (format > currentFormat) throw unreadableFormat(this.#path, format);
    return undefined;
  }

  #formatOf(db: Databases): number | undefined {
    return readSnapshot(db, () => getNumber(db, 'format'));
  }

  async #leave(): Promise<void> {
    const db = this.#db;
    this.#db = undefined;
    if (db) await closeDatabases(this.#path, db);
  }
}
