import {fromBytes, toBytes} from '../entry/byte-string.ts';
import {compareTimes, type FileTime, type Kind, kindNames} from '../entry/entry.ts';
import type {PackedCursor} from '../entry/packed.ts';
import {isBelow, isPath, joinPath, type Path, rootPath} from '../entry/path.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import {EntryWalk} from './entry-walk.ts';
import {exactObject, exactTime} from './exact-object.ts';
import {nameFields} from './json-values.ts';
import {type ListPage, pageBytesMax} from './list-page.ts';
import type {NameMatch} from './name-match.ts';
import {resolve} from './resolve.ts';
import {decodePlace, encodePlace, type Place, RunScan} from './run-scan.ts';

/** What an entry must be, beside its name. Of one whose attributes are not known only the kind is. */
export type SearchFilter = {
  kinds: readonly Kind[];
  sizeMin: number;
  sizeMax: number;
  modifiedAfter: FileTime | undefined;
  modifiedBefore: FileTime | undefined;
};

export type Search = {path: Path; limit: number; match: NameMatch; filter: SearchFilter};

/** Where a page begins, in the order in which a search of its path goes. */
export type SearchStart = {after: Path | undefined; place: Place | undefined};

/** Entries, and runs, that are looked at in one slice: a millisecond or so. */
const sliceEntries = 4_000;
const sliceRuns = 300;

/**
 * Entries below a path that are as asked for: a scan of the tree as it is, so it finds what came a moment ago. Below the root
 * it goes through the store from its beginning to its end, elsewhere from directory to directory; a run of entries that
 * cannot hold what is wanted is passed over without a look at its names.
 */
export class SearchPage implements ListPage {
  readonly #search: Search;
  readonly #start: SearchStart;
  readonly #hasAttributeFilter: boolean;
  #scan: RunScan | undefined;
  #walk: EntryWalk | undefined;
  #bytes = 0;
  #isFull = false;
  readonly rows: string[] = [];
  nextCursor: string | null = null;

  constructor(search: Search, start: SearchStart) {
    this.#search = search;
    this.#start = start;
    const {sizeMin, sizeMax, modifiedAfter, modifiedBefore} = search.filter;
    const isAnySize = sizeMin === 0 && sizeMax === Number.POSITIVE_INFINITY;
    this.#hasAttributeFilter = !isAnySize || modifiedAfter !== undefined || modifiedBefore !== undefined;
  }

  slice(txn: TreeRead): boolean {
    const isAtEnd = this.#search.path === rootPath ? this.#scanRuns(txn) : this.#walkBelow(txn);
    return isAtEnd || this.#isFull;
  }

  #scanRuns(txn: TreeRead): boolean {
    const {mayHold, matches} = this.#search.match;
    this.#scan ??= new RunScan(this.#start.place);
    return this.#scan.scan(txn, {
      runsMax: sliceRuns,
      isOfInterest: mayHold,
      visit: (cursor, parentOf, place) => {
        if (!this.#isAsked(cursor)) return true;
        const parent = parentOf();
        if (parent === undefined || !matches(parent, cursor)) return true;
        return this.#add(parent, cursor, () => encodePlace(place()));
      },
    });
  }

  #walkBelow(txn: TreeRead): boolean {
    const {path, match} = this.#search;
    this.#walk ??= this.#beginWalk(txn, path);
    let looked = 0;
    return this.#walk.walk(txn, (parent, cursor) => {
      const isFound = this.#isAsked(cursor) && match.matches(parent, cursor);
      const goesOn = !isFound || this.#add(parent, cursor, () => encodeAfter(joinPath(parent, cursor.name)));
      return goesOn && ++looked < sliceEntries;
    });
  }

  #beginWalk(txn: TreeRead, path: Path): EntryWalk {
    const walk = new EntryWalk(resolve(txn, path).record?.number, path);
    if (this.#start.after !== undefined) walk.resume(txn, this.#start.after);
    return walk;
  }

  #isAsked(cursor: PackedCursor): boolean {
    const {kinds, sizeMin, sizeMax, modifiedAfter, modifiedBefore} = this.#search.filter;
    if (kinds.length > 0 && !kinds.includes(cursor.kind)) return false;
    if (!this.#hasAttributeFilter) return true;
    if (!cursor.hasAttributes || cursor.size < sizeMin || cursor.size > sizeMax) return false;
    if (modifiedAfter && compareTimes(cursor.mtime, modifiedAfter) <= 0) return false;
    return !modifiedBefore || compareTimes(cursor.mtime, modifiedBefore) < 0;
  }

  /** False when the page is full. `cursorOf` makes what leads on behind the entry. */
  #add(parent: Path, cursor: PackedCursor, cursorOf: () => string): boolean {
    const {name, kind, hasAttributes, size, mtime, isSuspect} = cursor;
    const row = exactObject({
      ...nameFields('path', joinPath(parent, name)),
      content_type: kindNames[kind],
      ...(hasAttributes && {size, modified_time: exactTime(mtime)}),
      integrity_suspect: isSuspect,
    });
    this.#bytes += row.length;
    this.rows.push(row);
    this.#isFull = this.rows.length === this.#search.limit || this.#bytes >= pageBytesMax;
    if (this.#isFull) this.nextCursor = cursorOf();
    return !this.#isFull;
  }
}

/** Where a page behind another begins. Undefined when the cursor is none of a search of this path. */
export function decodeSearchStart(path: Path, cursor: string | undefined): SearchStart | undefined {
  if (cursor === undefined) return {after: undefined, place: undefined};
  if (path === rootPath) {
    const place = decodePlace(cursor);
    return place && {after: undefined, place};
  }
  const after = /^[\w-]+$/.test(cursor) ? fromBytes(Buffer.from(cursor, 'base64url')) : undefined;
  return after !== undefined && isPath(after) && isBelow(after, path) ? {after, place: undefined} : undefined;
}

function encodeAfter(path: Path): string {
  return toBytes(path).toString('base64url');
}
