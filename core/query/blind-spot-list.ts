import {isBelow, joinPath, type Path} from '../entry/path.ts';
import {hlcToMs} from '../time/hlc.ts';
import type {BlindSpotChange, TreeRead} from '../tree/tree-store.ts';
import {DirectoryPaths} from './directory-paths.ts';
import {nameFields} from './json-values.ts';
import {type ListPage, pageBytesMax, sliceRows} from './list-page.ts';
import {isoTime} from './meta.ts';
import {encodePlace, type Place, type StorePlace} from './run-scan.ts';
import {demandStoreOfCursor} from './same-store.ts';

/**
 * What nobody's watcher saw, in the order of the store: directory by directory, and in each by name. At most `limit` rows at or
 * below a path, from behind the place of a cursor.
 */
export class BlindSpotPage implements ListPage {
  readonly #path: Path;
  readonly #limit: number;
  readonly #after: StorePlace | undefined;
  readonly #paths = new DirectoryPaths();
  /** Up to which row this page has come, and which is its last. */
  #at: Place | undefined;
  #last: Place | undefined;
  #bytes = 0;
  readonly rows: string[] = [];
  nextCursor: string | null = null;

  constructor({path, after, limit}: {path: Path; after: StorePlace | undefined; limit: number}) {
    this.#path = path;
    this.#limit = limit;
    this.#after = after;
    this.#at = after;
  }

  /** Throws when the cursor is of another store. */
  slice(txn: TreeRead): boolean {
    if (this.#after) demandStoreOfCursor(txn, this.#after);
    this.#paths.begin(txn);
    let count = 0;
    for (const {directory, name, change, foundAt} of txn.blindSpots({after: this.#at})) {
      if (count++ === sliceRows) return false;
      const place = {directory, name};
      const parent = this.#paths.of(txn, directory);
      const path = parent && joinPath(parent, name);
      if (path !== undefined && (path === this.#path || isBelow(path, this.#path)) && holds(txn, place, change)) {
        if (this.rows.length === this.#limit || this.#bytes >= pageBytesMax) {
          this.nextCursor = encodePlace({...this.#last!, store: txn.storeId()});
          return true;
        }
        const row = JSON.stringify({...nameFields('path', path), change, found_at: isoTime(hlcToMs(foundAt))});
        this.#bytes += row.length;
        this.rows.push(row);
        this.#last = place;
      }
      this.#at = place;
    }
    return true;
  }
}

/** The mark in the entry is the truth, as it is counted; a deletion is one as long as nothing stands there again. */
function holds(txn: TreeRead, {directory, name}: Place, change: BlindSpotChange): boolean {
  const entry = txn.entry(directory, name);
  return change === 'deleted' ? entry === undefined : entry?.isBlindSpot === true;
}
