import type {ByteString} from '../entry/byte-string.ts';
import type {DirectoryNumber, Kind} from '../entry/entry.ts';
import type {Path} from '../entry/path.ts';

export const changeNames = ['created', 'modified', 'deleted', 'moved'] as const;
export type ChangeName = (typeof changeNames)[number];

/**
 * One change of the tree that somebody can see. Applied in their order to the tree as it was, they make the tree as it is:
 *
 * 1. `created`: an entry stands there now. What stood there before is gone, with all below it.
 * 2. `modified`: the same entry has other attributes; what is below it stays.
 * 3. `deleted`: it is gone, with all below it; of that nothing is told.
 * 4. `moved`: the entry of `from` stands there now, with all below it, in place of what stood there before.
 */
export type LoggedChange = {
  /** Of the tree, as this change left it. */
  seq: number;
  change: ChangeName;
  kind: Kind;
  /** Where, as it was called then. */
  path: Path;
  from: Path | undefined;
  /** The same place by the number of its directory, which a later rename of one above it does not change. */
  directory: DirectoryNumber;
  name: ByteString;
};
