import type {ByteString} from '../core/entry/byte-string.ts';
import type {DirectoryNumber} from '../core/entry/entry.ts';
import {PackedCursor} from '../core/entry/packed.ts';
import {type BlockWriter, blockBytesMax} from './block-writer.ts';
import {rowsOf, type Table} from './databases.ts';
import {behindDirectory, directoryKey, nameKey, numberBytes} from './keys.ts';

/**
 * A run of packed entries, and the key that it is stored under.
 *
 * 1. A block's key is its directory and a lower bound of the names in it; its names come before the next block's bound.
 * 2. A directory's first block has no bound: its key is the bare directory. It exists, perhaps empty, while others do.
 * 3. No other block is empty.
 */
export type Block = {key: Buffer; bytes: Buffer};

/** The directory whose blocks are meant; `blocks` is how many it has. */
export type BlockOwner = {readonly number: DirectoryNumber; blocks: number};

/** Below this a block is joined to the one before it when both fit into one. */
const blockBytesMin = blockBytesMax / 4;

/** The block that a name is in or would be put in; undefined only when the directory has no blocks. */
export function findBlock(table: Table, {number, blocks}: BlockOwner, name: ByteString | undefined): Block | undefined {
  if (blocks === 0) return undefined;
  if (blocks === 1 || name === undefined) {
    const key = directoryKey(number);
    return {key, bytes: table.get(key)!};
  }
  for (const {key, value} of table.getRange({start: nameKey(number, name), reverse: true, limit: 1})) {
    if (key.readUIntBE(0, numberBytes) === number) return {key, bytes: value};
  }
  throw new Error(`Directory ${number} has ${blocks} blocks, but none for ${JSON.stringify(name)}.`);
}

/** All blocks in order, beginning with the one that `from` would be in. */
export function* blocksFrom(table: Table, owner: BlockOwner, from?: ByteString): Iterable<Block> {
  const first = findBlock(table, owner, from);
  if (!first) return;
  yield first;
  if (owner.blocks === 1) return;
  const behind = {start: first.key, exclusiveStart: true, end: behindDirectory(owner.number)};
  for (const {key, value} of rowsOf(table, behind)) yield {key, bytes: value};
}

/** The bound in a block's key. */
export function boundOf(key: Buffer): ByteString {
  return key.toString('latin1', numberBytes) as ByteString;
}

/** Puts what a writer holds in place of a block, or as the first one. Changes the owner's number of blocks. */
export function replaceBlock(
  table: Table,
  owner: BlockOwner,
  {block, writer, isAppended}: {block: Block | undefined; writer: BlockWriter; isAppended: boolean},
): void {
  const key = block?.key ?? directoryKey(owner.number);
  const isFirst = key.length === numberBytes;
  if (block) owner.blocks--;
  if (!isFirst && writer.length < blockBytesMin && joinToEarlier(table, key, writer)) return;
  if (writer.length === 0 && (!isFirst || owner.blocks === 0)) {
    void table.remove(key);
    return;
  }
  const cursor = new PackedCursor();
  let at: Buffer | undefined = key;
  for (const bytes of writer.blocks(isAppended)) {
    void table.put(at ?? nameKey(owner.number, cursor.reset(bytes).name), bytes);
    at = undefined;
    owner.blocks++;
  }
}

/** By 2, a block that is not the first has one of the same directory before it. */
function joinToEarlier(table: Table, key: Buffer, writer: BlockWriter): boolean {
  const [, earlier] = [...table.getRange({start: key, reverse: true, limit: 2})];
  if (earlier === undefined || earlier.value.length + writer.length > blockBytesMax) return false;
  void table.put(earlier.key, Buffer.concat([earlier.value, writer.bytes]));
  void table.remove(key);
  return true;
}
