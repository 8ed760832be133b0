import type {ByteString} from '../core/entry/byte-string.ts';
import type {DirectoryNumber} from '../core/entry/entry.ts';
import {aboveRoot, type Totals} from '../core/tree/tree-store.ts';
import {peek, type Table} from './databases.ts';
import {decodeDirectory, encodeDirectory, type StoredDirectory} from './directory-codec.ts';
import {directoryKey} from './keys.ts';
import {addSums, newTotals} from './totals.ts';

/** About half a kilobyte of memory each. */
const keptMax = 50_000;

export function readDirectory(table: Table, number: DirectoryNumber): StoredDirectory | undefined {
  const bytes = peek(table, directoryKey(number));
  return bytes && decodeDirectory(number, bytes);
}

/**
 * The writer's view of the directories. Totals change with every entry, up to the root: so records are changed in memory
 * and written once, at the end of a body. They are kept beyond it, because nobody else writes.
 *
 * Whoever changes a record says so with `changed` before the body ends.
 */
export class DirectoryTable {
  readonly #table: Table;
  readonly #kept = new Map<DirectoryNumber, StoredDirectory>();
  /** The same by parent and name: a path is looked up for each event. */
  readonly #byPlace = new Map<DirectoryNumber, Map<ByteString, StoredDirectory>>();
  readonly #changed = new Set<StoredDirectory>();

  constructor(table: Table) {
    this.#table = table;
  }

  get(number: DirectoryNumber): StoredDirectory | undefined {
    const kept = this.#kept.get(number);
    if (kept) return kept;
    const record = readDirectory(this.#table, number);
    if (record) this.#keep(record);
    return record;
  }

  existing(number: DirectoryNumber): StoredDirectory {
    const record = this.get(number);
    if (record) return record;
    throw new Error(`There is no directory ${number}.`);
  }

  make(number: DirectoryNumber, parent: DirectoryNumber, name: ByteString): StoredDirectory {
    const known = {listedAt: 0, unreadable: undefined, partial: undefined};
    const record = {
      ...{number, parent, name},
      ...known,
      ownVersion: 0,
      totals: newTotals(),
      blocks: 0,
      bounds: undefined,
    };
    this.#keep(record);
    this.#changed.add(record);
    return record;
  }

  /** Undefined also where it is only not kept. */
  keptAt(parent: DirectoryNumber, name: ByteString): StoredDirectory | undefined {
    return this.#byPlace.get(parent)?.get(name);
  }

  move(record: StoredDirectory, to: {directory: DirectoryNumber; name: ByteString}): void {
    this.#unplace(record);
    record.parent = to.directory;
    record.name = to.name;
    this.#place(record);
    this.#changed.add(record);
  }

  changed(record: StoredDirectory): void {
    this.#changed.add(record);
  }

  remove(number: DirectoryNumber): void {
    const kept = this.#kept.get(number);
    if (kept) {
      this.#changed.delete(kept);
      this.#unplace(kept);
    }
    this.#kept.delete(number);
    void this.#table.remove(directoryKey(number));
  }

  /** Adds to the totals of a directory and all above it, as far as they are still part of the tree. */
  addUpwards(directory: DirectoryNumber, delta: Totals): void {
    for (let at = directory; ; ) {
      const record = this.get(at);
      if (!record) return;
      addSums(record.totals, delta, 1);
      this.#changed.add(record);
      if (at === aboveRoot) return;
      at = record.parent;
    }
  }

  isAtOrBelow(directory: DirectoryNumber, ancestor: DirectoryNumber): boolean {
    for (let at = directory; at !== aboveRoot; at = this.existing(at).parent) if (at === ancestor) return true;
    return false;
  }

  /** Writes what changed. */
  flush(): void {
    for (const record of this.#changed) void this.#table.put(directoryKey(record.number), encodeDirectory(record));
    this.#changed.clear();
    if (this.#kept.size > keptMax) this.#forgetKept();
  }

  /** Forgets all that it keeps, for a transaction that left nothing behind. */
  forget(): void {
    this.#forgetKept();
    this.#changed.clear();
  }

  #keep(record: StoredDirectory): void {
    this.#kept.set(record.number, record);
    this.#place(record);
  }

  #place(record: StoredDirectory): void {
    const siblings = this.#byPlace.get(record.parent);
    if (siblings) siblings.set(record.name, record);
    else this.#byPlace.set(record.parent, new Map([[record.name, record]]));
  }

  /** Another one may stand there already. */
  #unplace(record: StoredDirectory): void {
    const siblings = this.#byPlace.get(record.parent);
    if (siblings?.get(record.name) !== record) return;
    siblings.delete(record.name);
    if (siblings.size === 0) this.#byPlace.delete(record.parent);
  }

  #forgetKept(): void {
    this.#kept.clear();
    this.#byPlace.clear();
  }
}
