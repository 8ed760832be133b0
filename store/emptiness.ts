import type {Table} from './databases.ts';

/**
 * Whether a table has any rows. The tables of deletions and blind spots are asked for every directory of a scan and mostly have
 * none: one look answers until something is written. For the writer, who alone knows of that.
 */
export class Emptiness {
  readonly #table: Table;
  #isEmpty: boolean | undefined;

  constructor(table: Table) {
    this.#table = table;
  }

  get isEmpty(): boolean {
    this.#isEmpty ??= [...this.#table.getKeys({limit: 1})].length === 0;
    return this.#isEmpty;
  }

  /** A row was written. */
  noteRow(): void {
    this.#isEmpty = false;
  }

  /** A row was removed, or a transaction left nothing behind: the next question looks. */
  forget(): void {
    this.#isEmpty = undefined;
  }
}
