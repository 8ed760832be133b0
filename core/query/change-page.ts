import type {Path} from '../entry/path.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import {type ChangePlace, encodeChangePlace} from './change-place.ts';
import {ChangeReader} from './change-reader.ts';
import {type ListPage, pageBytesMax, sliceRows} from './list-page.ts';

/** At most `limit` changes at or below a path, from behind a place. */
export class ChangePage implements ListPage {
  readonly #reader: ChangeReader;
  readonly #limit: number;
  #bytes = 0;
  readonly rows: string[] = [];
  nextCursor: string | null = null;

  constructor({path, place, limit}: {path: Path; place: ChangePlace; limit: number}) {
    this.#reader = new ChangeReader(path, place);
    this.#limit = limit;
  }

  /** All changes up to it are on this page or before it. */
  get place(): ChangePlace {
    return this.#reader.place;
  }

  /** Throws CHANGES_GONE. */
  slice(txn: TreeRead): boolean {
    let told = 0;
    const isAtEnd = this.#reader.read(txn, ({json}) => {
      this.rows.push(json);
      this.#bytes += json.length;
      return ++told < sliceRows && !this.#isFull;
    });
    if (!isAtEnd && !this.#isFull) return false;
    this.nextCursor = isAtEnd ? null : encodeChangePlace(this.#reader.place);
    return true;
  }

  get #isFull(): boolean {
    return this.rows.length >= this.#limit || this.#bytes >= pageBytesMax;
  }
}
