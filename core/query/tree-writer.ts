import type {PackedCursor} from '../entry/packed.ts';
import type {ByteBuffer} from './byte-buffer.ts';
import type {DirectoryPath} from './directory-path.ts';

/** How far a node is written. `open`: its children follow, then `close`. `continued`: so too, but an earlier page has it. */
export const extents = {leaf: 0, open: 1, continued: 2} as const;
export type Extent = (typeof extents)[keyof typeof extents];

/**
 * A format of answers that are trees. Walks call it in the order of the tree, `entry` once for each of millions; it writes what
 * it is told at once, and keeps nothing of a cursor or a path, because a call may be in another snapshot than the one before.
 *
 * An answer is `begin`, then `entry` and `close` for what is below if it was not written as a leaf, then `end`. A list of
 * entries that are in no order of a tree is `beginList`, `entry` for each as a leaf, `endList`.
 */
export interface TreeWriter {
  /** The node that was asked for. `parent` is the directory that it is in. */
  begin(out: ByteBuffer, start: PackedCursor, parent: DirectoryPath, extent: Extent): void;
  entry(out: ByteBuffer, cursor: PackedCursor, parent: DirectoryPath, extent: Extent): void;
  close(out: ByteBuffer): void;
  end(out: ByteBuffer, meta: object): void;
  beginList(out: ByteBuffer): void;
  endList(out: ByteBuffer, meta: object): void;
}
