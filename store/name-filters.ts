import type {DirectoryNumber} from '../core/entry/entry.ts';
import type {PackedCursor} from '../core/entry/packed.ts';
import {aboveRoot} from '../core/tree/tree-store.ts';
import {type Databases, getNumber, peek, putNumber} from './databases.ts';
import {groupOf, groupSize, readGroup, writeGroup} from './filter-group.ts';
import {directoryKey} from './keys.ts';
import {addName, anyName, isOverfull, noNames, type Signature, SignatureMaker} from './name-signature.ts';

type RunsOf = (directory: DirectoryNumber) => Iterable<Uint8Array>;

/**
 * The writer's part of the signatures of names (`name-signature.ts`), by which a search passes over most directories.
 *
 * 1. No directory from `filteredFrom` on has a name whose bits are not set in its signature.
 * 2. Bits of names that have gone stay, until there are too many bits.
 * 3. What a body changes is written at its end: what is read in between must `write` first.
 */
export class NameFilters {
  readonly #db: Databases;
  readonly #runsOf: RunsOf;
  readonly #maker = new SignatureMaker();
  readonly #changed = new Map<DirectoryNumber, Signature>();
  /** Signatures that are to be made of the directory's names at the end of the body, or may have too many bits by then. */
  readonly #anew = new Set<DirectoryNumber>();
  readonly #grown = new Set<DirectoryNumber>();
  #filteredFrom = 0;

  constructor(db: Databases, runsOf: RunsOf) {
    this.#db = db;
    this.#runsOf = runsOf;
  }

  /** A directory has a name that it did not have. The cursor stands at it. */
  add(directory: DirectoryNumber, at: PackedCursor): void {
    if (directory < this.#filteredFrom || directory === aboveRoot || this.#anew.has(directory)) return;
    const known = this.#changed.get(directory) ?? this.#read(directory);
    if (known.exponent === 0) this.#anew.add(directory);
    else if (known.exponent !== anyName && addName(known, directory, at)) {
      this.#changed.set(directory, known);
      this.#grown.add(directory);
    }
  }

  /** A directory has these names, and had none: sooner than to be told of them one by one. */
  set(directory: DirectoryNumber, run: Uint8Array): void {
    if (directory >= this.#filteredFrom) this.#changed.set(directory, this.#maker.make(directory, [run]));
  }

  /** A directory is gone, with all its names. */
  drop(directory: DirectoryNumber): void {
    this.#anew.delete(directory);
    this.#grown.delete(directory);
    if (directory >= this.#filteredFrom) this.#changed.set(directory, noNames);
  }

  /** Makes signatures for up to so many directories of a store that did not always have them. False when none are left. */
  fill(directories: number): boolean {
    if (this.#filteredFrom === 0) return false;
    const until = this.#filteredFrom;
    this.#filteredFrom = Math.max(0, groupOf(until - directories) * groupSize);
    for (let directory = this.#filteredFrom; directory < until; directory++) this.#anew.add(directory);
    putNumber(this.#db, 'filteredFrom', this.#filteredFrom);
    return this.#filteredFrom > 0;
  }

  write(): void {
    for (const directory of this.#grown) if (isOverfull(this.#changed.get(directory)!)) this.#anew.add(directory);
    for (const directory of this.#anew) {
      this.#changed.set(directory, this.#maker.make(directory, this.#runsOf(directory)));
    }
    const groups = Map.groupBy(this.#changed.keys(), groupOf);
    for (const [group, directories] of groups) this.#replace(group, directories);
    this.#clear();
  }

  /** Goes back to what is stored. */
  forget(): void {
    this.#clear();
    this.#filteredFrom = getNumber(this.#db, 'filteredFrom') ?? 0;
  }

  #read(directory: DirectoryNumber): Signature {
    const row = peek(this.#db.filters, directoryKey(groupOf(directory)));
    if (!row) return noNames;
    const {exponent, bits} = readGroup(row)[directory % groupSize]!;
    return {exponent, bits: Buffer.from(bits)};
  }

  #replace(group: number, directories: readonly DirectoryNumber[]): void {
    const {filters} = this.#db;
    const key = directoryKey(group);
    const signatures = readGroup(peek(filters, key));
    for (const directory of directories) signatures[directory % groupSize] = this.#changed.get(directory)!;
    const row = writeGroup(signatures);
    if (row) void filters.put(key, row);
    else void filters.remove(key);
  }

  #clear(): void {
    this.#changed.clear();
    this.#anew.clear();
    this.#grown.clear();
  }
}
