import {fromBytes, toBytes} from '../entry/byte-string.ts';
import {compareTimes, type FileTime, type Kind} from '../entry/entry.ts';
import type {PackedCursor} from '../entry/packed.ts';
import {isBelow, isPath, joinPath, type Path, rootPath} from '../entry/path.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import {ByteBuffer} from './byte-buffer.ts';
import {DirectoryPath} from './directory-path.ts';
import {EntryWalk} from './entry-walk.ts';
import {pageBytesMax} from './list-page.ts';
import type {NameMatch} from './name-match.ts';
import {resolve} from './resolve.ts';
import {decodePlace, encodePlace, RunScan, type StorePlace} from './run-scan.ts';
import {demandStore} from './same-store.ts';
import {extents, type TreeWriter} from './tree-writer.ts';

/** What an entry must be, beside its name. Of one whose attributes are not known only the kind is. */
export type SearchFilter = {
  kinds: readonly Kind[];
  sizeMin: number;
  sizeMax: number;
  modifiedAfter: FileTime | undefined;
  modifiedBefore: FileTime | undefined;
};

export type Search = {path: Path; limit: number; match: NameMatch; filter: SearchFilter; writer: TreeWriter};

/** Where a page begins, in the order in which a search of its path goes. A place means something only in its store. */
export type SearchStart = {after: Path | undefined; place: StorePlace | undefined};

const firstBytes = 4 * 1024;
/** Entries, and runs, that are looked at in one slice: a millisecond or so. */
const sliceEntries = 4_000;
const sliceRuns = 300;
/** What a pattern may take of a slice, whatever it is: some milliseconds, and one entry more. */
const sliceSteps = 1_000_000;

/** So much sooner is all of the store gone through than the same from directory to directory, if nothing is passed over. */
const scanAdvantage = 5;

/**
 * Entries below a path that are as asked for, in the tree as it is: so it finds what came a moment ago. It goes through the
 * store from its beginning to its end, where that passes over directories and runs that cannot hold what is wanted; below a
 * path with little of it below, from directory to directory.
 */
export class SearchPage {
  readonly #search: Search;
  readonly #start: SearchStart;
  readonly #store: string;
  readonly #hasAttributeFilter: boolean;
  /** Undefined until it has looked at how much there is; a page behind another goes as that did. */
  #isScan: boolean | undefined;
  #scan: RunScan | undefined;
  #walk: EntryWalk | undefined;
  readonly #out = new ByteBuffer(firstBytes);
  readonly #parent = new DirectoryPath();
  #count = 0;
  /** Of the match, in this slice. */
  #steps = 0;
  #isFull = false;
  /** Final when the page is complete. */
  nextCursor: string | null = null;

  /** `store`: the one that the answer began in (`TreeRead.storeId`). */
  constructor(search: Search, start: SearchStart, store: string) {
    this.#search = search;
    this.#start = start;
    this.#store = store;
    search.writer.beginList(this.#out);
    const {sizeMin, sizeMax, modifiedAfter, modifiedBefore} = search.filter;
    const isAnySize = sizeMin === 0 && sizeMax === Number.POSITIVE_INFINITY;
    this.#hasAttributeFilter = !isAnySize || modifiedAfter !== undefined || modifiedBefore !== undefined;
  }

  /** Looks at some more entries, in a snapshot of its own. True when the page is complete. Throws when it is of another store. */
  slice(txn: TreeRead): boolean {
    demandStore(txn, this.#store);
    this.#steps = 0;
    this.#isScan ??= this.#start.place !== undefined || (this.#start.after === undefined && this.#isWide(txn));
    const isAtEnd = this.#isScan ? this.#scanRuns(txn) : this.#walkBelow(txn);
    return isAtEnd || this.#isFull;
  }

  /** The bytes of a page that is complete. Once. */
  end(meta: object): Buffer<ArrayBuffer> {
    this.#search.writer.endList(this.#out, meta);
    return this.#out.take();
  }

  #isWide(txn: TreeRead): boolean {
    const {path, match} = this.#search;
    if (path === rootPath) return true;
    if (!match.parts.every(parts => parts.length > 0)) return false;
    return scanAdvantage * entriesBelow(txn, path) > entriesBelow(txn, rootPath);
  }

  #scanRuns(txn: TreeRead): boolean {
    const {path, match} = this.#search;
    const {parts, mayHold} = match;
    this.#scan ??= new RunScan(this.#start.place);
    return this.#scan.scan(txn, {
      runsMax: Math.ceil(sliceRuns / Math.max(1, parts.length)), // each alternative is looked for
      parts,
      mayHold,
      visit: (cursor, parentOf, place) => {
        if (!this.#isAsked(cursor)) return true;
        const parent = parentOf();
        if (parent === undefined || !(parent === path || isBelow(parent, path))) return true;
        return this.#look(parent, cursor, () => encodePlace({...place(), store: this.#store}));
      },
    });
  }

  #walkBelow(txn: TreeRead): boolean {
    this.#walk ??= this.#beginWalk(txn, this.#search.path);
    let looked = 0;
    return this.#walk.walk(txn, (parent, cursor) => {
      const cursorOf = () => encodeAfter(joinPath(parent, cursor.name));
      const goesOn = !this.#isAsked(cursor) || this.#look(parent, cursor, cursorOf);
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

  /** False to stop: the page is full, or the slice has done its work. */
  #look(parent: Path, cursor: PackedCursor, cursorOf: () => string): boolean {
    const {match} = this.#search;
    this.#steps += match.steps(parent, cursor);
    const goesOn = !match.matches(parent, cursor) || this.#add(parent, cursor, cursorOf);
    return goesOn && this.#steps < sliceSteps;
  }

  /** False when the page is full. `cursorOf` makes what leads on behind the entry. */
  #add(parent: Path, cursor: PackedCursor, cursorOf: () => string): boolean {
    this.#parent.set(parent);
    this.#search.writer.entry(this.#out, cursor, this.#parent, extents.leaf);
    this.#count++;
    this.#isFull = this.#count === this.#search.limit || this.#out.length >= pageBytesMax;
    if (this.#isFull) this.nextCursor = cursorOf();
    return !this.#isFull;
  }
}

function entriesBelow(txn: TreeRead, path: Path): number {
  const {files = 0, directories = 0, others = 0} = resolve(txn, path).record?.totals ?? {};
  return files + directories + others;
}

/** Where a page behind another begins. Undefined when the cursor is none of a search of this path. */
export function decodeSearchStart(path: Path, cursor: string | undefined): SearchStart | undefined {
  if (cursor === undefined) return {after: undefined, place: undefined};
  const place = decodePlace(cursor);
  if (place || path === rootPath) return place && {after: undefined, place};
  const after = /^[\w-]+$/.test(cursor) ? fromBytes(Buffer.from(cursor, 'base64url')) : undefined;
  return after !== undefined && isPath(after) && isBelow(after, path) ? {after, place: undefined} : undefined;
}

function encodeAfter(path: Path): string {
  return toBytes(path).toString('base64url');
}
