import type {TreeRead} from '../tree/tree-store.ts';

/** Rows of a list that are looked at in one slice: a millisecond or two. */
export const sliceRows = 200;

/** However long its paths are and however many rows were asked for, a page is in memory as a whole. */
export const pageBytesMax = 256 * 1024;

/**
 * One page of a list, made in slices, each with a snapshot of its own, because the rows that are not on it have to be looked
 * at, too. What changes meanwhile is told as it was or as it is.
 */
export interface ListPage {
  /** Looks at some more rows. True when the page is complete; it may be less than was asked for, and more behind it. */
  slice(txn: TreeRead): boolean;
  /** Each a JSON object. Final when the page is complete, as is `nextCursor`. */
  readonly rows: readonly string[];
  readonly nextCursor: string | null;
}
