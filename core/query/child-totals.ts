import type {ByteString} from '../entry/byte-string.ts';
import {type Kind, kindNames} from '../entry/entry.ts';
import {PackedCursor} from '../entry/packed.ts';
import type {Path} from '../entry/path.ts';
import type {Totals, TreeRead} from '../tree/tree-store.ts';
import {exactObject} from './exact-object.ts';
import {nameFields} from './json-values.ts';
import {resolve} from './resolve.ts';
import {totalsFields, totalsOf} from './totals-fields.ts';

export const childOrders = {
  bytes: ({bytes}) => bytes,
  files: ({files}) => files,
  newest_change: ({newestChange}) => newestChange.seconds + newestChange.nanos / 1e9,
} as const satisfies Record<string, (totals: Totals) => number>;
export type ChildOrder = keyof typeof childOrders;

type Child = {name: ByteString; kind: Kind; totals: Totals; rank: number};

const sliceEntries = 500;

/**
 * The children of a directory with the greatest sums, greatest first, by name where these are equal. Looks at all of them,
 * slice by slice, and keeps no more than twice as many as are wanted.
 */
export class ChildrenPage {
  readonly #path: Path;
  readonly #rankOf: (totals: Totals) => number;
  readonly #limit: number;
  readonly #cursor = new PackedCursor();
  #last: ByteString | undefined;
  #kept: Child[] = [];
  /** How many children there are; final, as `rows` is, when a slice has said so. */
  count = 0;

  constructor({path, order, limit}: {path: Path; order: ChildOrder; limit: number}) {
    this.#path = path;
    this.#rankOf = childOrders[order];
    this.#limit = limit;
  }

  /** Looks at some more. True when it has looked at all. */
  slice(txn: TreeRead): boolean {
    const directory = resolve(txn, this.#path).record?.number;
    let looked = 0;
    if (directory === undefined) return true;
    for (const run of txn.runs(directory, this.#last)) {
      const cursor = this.#cursor.reset(run);
      while (this.#last !== undefined && !cursor.isAtEnd && cursor.compareName(this.#last) <= 0) cursor.next();
      for (; !cursor.isAtEnd; cursor.next()) {
        if (looked++ === sliceEntries) return false;
        this.#take(txn, cursor);
      }
    }
    return true;
  }

  /** Each a JSON object. */
  get rows(): string[] {
    this.#cut();
    return this.#kept.map(({name, kind, totals}) =>
      exactObject({...nameFields('name', name), content_type: kindNames[kind], ...totalsFields(totals)}),
    );
  }

  #take(txn: TreeRead, cursor: PackedCursor): void {
    const {name, kind, directory} = cursor;
    const below = directory === 0 ? undefined : txn.directory(directory)?.totals;
    const totals = totalsOf(cursor, below);
    this.count++;
    this.#last = name;
    this.#kept.push({name, kind, totals, rank: this.#rankOf(totals)});
    if (this.#kept.length >= 2 * this.#limit) this.#cut();
  }

  #cut(): void {
    this.#kept.sort((a, b) => b.rank - a.rank || (a.name < b.name ? -1 : 1));
    this.#kept.length = Math.min(this.#kept.length, this.#limit);
  }
}
