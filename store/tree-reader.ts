import {statSync} from 'node:fs';
import {systemErrorCode} from '../core/errors/fustor-error.ts';
import type {TreeRead, TreeReader} from '../core/tree/tree-store.ts';
import {closeDatabases, type Databases, getNumber, openDatabases, readSnapshot} from './databases.ts';
import {emptyTree, unreadableTree} from './empty-tree.ts';
import {fileKind} from './file-header.ts';
import {currentFormat, cutOff, notOurs, unreadableFormat} from './migrations/migrate.ts';
import {StoreDamage} from './store-error.ts';
import {LmdbTreeRead} from './tree-read.ts';

const lookForMissingMs = 50;
const lookForReplacedMs = 1_000;
/** Others open and close in milliseconds. One that was stopped meanwhile must not stop who only reads. */
const firstTurnMs = 500;

/** Told when the tree cannot be read, and, with undefined, when it can be again. */
export type OnFault = (error: unknown) => void;

/**
 * A view's tree for any process but its engine's. Until the engine has made it, it reads as an empty tree; a view that is
 * dropped and made again is found again. Both cost one look at the file now and then.
 *
 * Reading never fails because of the store: what cannot be opened or read (no access, no descriptors, a newer format, a
 * damaged file) reads as a tree of which nothing is known and that says so (`unreadableTree`), and is tried again each second.
 */
export class LmdbTreeReader implements TreeReader {
  readonly #path: string;
  readonly #onFault: OnFault;
  #db: Databases | undefined;
  #openings = 0;
  #inode = 0n;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #fault: unknown;
  #hadTurn = false;

  constructor(path: string, onFault: OnFault = () => {}) {
    this.#path = path;
    this.#onFault = onFault;
  }

  read<T>(body: (txn: TreeRead) => T): T {
    this.#look();
    const db = this.#db;
    if (!db) return body(this.#fault === undefined ? emptyTree : unreadableTree(codeOf(this.#fault)));
    try {
      return readSnapshot(db, () => body(new LmdbTreeRead(db, {opening: this.#openings})));
    } catch (error) {
      if (!isOfStore(error)) throw error;
      this.#note(error);
      void this.#leave();
      return body(unreadableTree(codeOf(error)));
    }
  }

  async close(): Promise<void> {
    await this.#leave();
  }

  #look(): void {
    const now = performance.now();
    const isSettled = this.#db !== undefined || this.#fault !== undefined;
    if (now - this.#lookedAt < (isSettled ? lookForReplacedMs : lookForMissingMs)) return;
    this.#lookedAt = now;
    try {
      this.#find();
      this.#note(undefined);
    } catch (error) {
      this.#note(error);
      void this.#leave();
    }
  }

  #find(): void {
    const inode = statSync(this.#path, {bigint: true, throwIfNoEntry: false})?.ino;
    if (this.#db && inode === this.#inode && this.#formatOf(this.#db) === currentFormat) return;
    void this.#leave();
    if (inode === undefined) return;
    this.#inode = inode;
    this.#db = this.#open();
    this.#openings++;
  }

  /** Undefined until the engine has made the tree, or brought an older format up to date. */
  #open(): Databases | undefined {
    const kind = fileKind(this.#path);
    if (kind === 'new') return undefined;
    if (kind === 'foreign') throw notOurs(this.#path);
    if (kind === 'cut') throw cutOff(this.#path);
    const turnMs = this.#hadTurn ? 0 : firstTurnMs;
    this.#hadTurn = true;
    const db = openDatabases(this.#path, {readOnly: true, turnMs});
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

  #note(fault: unknown): void {
    if (codeOf(fault) !== codeOf(this.#fault)) this.#onFault(fault);
    this.#fault = fault;
  }

  async #leave(): Promise<void> {
    const db = this.#db;
    this.#db = undefined;
    if (db) await closeDatabases(this.#path, db, {turnMs: firstTurnMs}).catch(() => {}); // it is damaged, or somebody is stopped in the door
  }
}

/** What LMDB says has a number. */
function isOfStore(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return error instanceof StoreDamage || typeof (error as {code?: unknown}).code === 'number';
}

/** One word for people who may not know where the store is: `EACCES`, `STORE_FORMAT`, `MDB_CORRUPTED`. */
function codeOf(error: unknown): string {
  if (error === undefined) return '';
  const message = error instanceof Error ? error.message : String(error);
  return systemErrorCode(error) ?? /^MDB_\w+/.exec(message)?.[0] ?? 'DAMAGED';
}
