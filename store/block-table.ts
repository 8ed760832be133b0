import type {ByteString} from '../core/entry/byte-string.ts';
import type {DirectoryNumber} from '../core/entry/entry.ts';
import {PackedCursor} from '../core/entry/packed.ts';
import {type BlockWriter, blockBytesMax} from './block-writer.ts';
import {keysOf, peek, type Table} from './databases.ts';
import {behindDirectory, directoryKey, nameKey, numberBytes} from './keys.ts';
import {Slab} from './slab.ts';
import {StoreDamage} from './store-error.ts';

/** A run of packed entries, and the key that it is stored under. */
export type Block = {readonly key: Buffer; readonly bytes: Buffer};

export type BlockOwner = {
  readonly number: DirectoryNumber;
  /** How many blocks the directory has. */
  blocks: number;
  /** The lower bounds of them all, where somebody keeps them: they are this table's to fill and to forget. */
  bounds?: readonly ByteString[] | undefined;
};

/** Below this a block is joined to the one before it when both fit into one. */
const blockBytesMin = blockBytesMax / 4;
const boundsMax = 256;
/** As many take 32 MiB. */
const keptMax = 8192;
const firstBound = '' as ByteString;

/**
 * The leaf blocks.
 *
 * 1. A block's key is its directory and a lower bound of the names in it; its names come before the next block's bound.
 * 2. A directory's first block has the empty bound: its key is the bare directory. It exists, perhaps empty, while others do.
 * 3. No other block is empty.
 * 4. The writer's table has all keys at any time. Bytes that took the place of a block's are written by `write`, or before
 *    anything looks at them otherwise than by `find`: events of one block, anywhere in a commit, then write it once.
 */
export class BlockTable {
  readonly #table: Table;
  readonly #keepsBounds: boolean;
  readonly #slab = new Slab();
  /** What was found last: rules look at a name more than once before they write it. */
  #last: {number: DirectoryNumber; name: ByteString | undefined; block: Block} | undefined;
  readonly #unwritten = new Map<DirectoryNumber, Map<ByteString, Block>>();
  #keptBlocks = 0;

  /** With `keepsBounds`, for the writer alone: bounds are kept with their owner, so that finding a block takes one read. */
  constructor(table: Table, {keepsBounds}: {keepsBounds: boolean}) {
    this.#table = table;
    this.#keepsBounds = keepsBounds;
  }

  /** The block that a name is in or would be put in; undefined only when the directory has none. */
  find(owner: BlockOwner, name: ByteString | undefined): Block | undefined {
    const last = this.#last;
    if (last?.number === owner.number && last.name === name) return last.block;
    const bound = this.#boundFor(owner, name);
    if (bound === undefined) return undefined;
    const block = this.#unwritten.get(owner.number)?.get(bound) ?? this.#block(nameKey(owner.number, bound));
    if (this.#keepsBounds) this.#last = {number: owner.number, name, block};
    return block;
  }

  /** Only its bytes, and only until the next read of any table. */
  peek(owner: BlockOwner, name: ByteString): Buffer | undefined {
    if (this.#keepsBounds) return this.find(owner, name)?.bytes;
    const bound = this.#boundFor(owner, name);
    return bound === undefined ? undefined : peek(this.#table, nameKey(owner.number, bound));
  }

  /** All blocks in order, beginning with the one that `from` would be in. */
  *from(owner: BlockOwner, from?: ByteString): Iterable<Block> {
    const first = this.find(owner, from);
    if (!first) return;
    yield first;
    if (owner.blocks === 1) return;
    if (this.#unwritten.has(owner.number)) this.write();
    const behind = {start: first.key, exclusiveStart: true, end: behindDirectory(owner.number)};
    for (const key of keysOf(this.#table, behind)) yield this.#block(key);
  }

  /** The blocks of all directories in order, beginning with the one that a name (by its key) would be in. */
  *all(from: Buffer | undefined): Iterable<Block> {
    this.write();
    const [before] = from === undefined ? [] : [...this.#table.getKeys({start: from, reverse: true, limit: 1})];
    const isSameDirectory = from !== undefined && before?.compare(from, 0, numberBytes, 0, numberBytes) === 0;
    const start = isSameDirectory ? before : from;
    for (const key of keysOf(this.#table, start === undefined ? {} : {start})) yield this.#block(key);
  }

  /** Writes the bytes that are kept; blocks may change otherwise than by `replace` from here on. */
  write(): void {
    for (const blocks of this.#unwritten.values())
      for (const {key, bytes} of blocks.values()) void this.#table.put(key, bytes);
    this.forget();
  }

  /** Goes back to what is stored. */
  forget(): void {
    this.#last = undefined;
    this.#unwritten.clear();
    this.#keptBlocks = 0;
  }

  /** Puts what a writer holds in place of a block, or as the first one. Changes the owner's number of blocks. */
  replace(
    owner: BlockOwner,
    {block, writer, isAppended}: {block: Block | undefined; writer: BlockWriter; isAppended: boolean},
  ): void {
    this.#last = undefined;
    if (block && this.#keepsBounds && takesPlaceOf(block, writer)) {
      this.#keep(owner.number, {key: block.key, bytes: this.#slab.keep(writer.bytes)});
      return;
    }
    const key = block?.key ?? directoryKey(owner.number);
    this.#unwritten.get(owner.number)?.delete(boundOf(key));
    const before = owner.blocks;
    if (block) owner.blocks--;
    if (block && writer.length < block.bytes.length && this.#isJoined(key, writer)) {
      owner.bounds = undefined;
      return;
    }
    const written = this.#put(owner, key, writer, isAppended);
    if (this.#keepsBounds && owner.blocks !== before) owner.bounds = boundsAfter(owner, boundOf(key), written);
  }

  #keep(directory: DirectoryNumber, block: Block): void {
    const blocks = this.#unwritten.get(directory);
    if (blocks) blocks.set(boundOf(block.key), block);
    else this.#unwritten.set(directory, new Map([[boundOf(block.key), block]]));
    if (++this.#keptBlocks === keptMax) this.write();
  }

  /** Returns the bounds of the blocks that stand there now. */
  #put(owner: BlockOwner, key: Buffer, writer: BlockWriter, isAppended: boolean): ByteString[] {
    const isFirst = key.length === numberBytes;
    if (writer.length === 0 && (!isFirst || owner.blocks === 0)) {
      void this.#table.remove(key);
      return [];
    }
    const bounds: ByteString[] = [];
    const cursor = new PackedCursor();
    for (const bytes of writer.blocks(isAppended)) {
      const bound = bounds.length === 0 ? boundOf(key) : cursor.reset(bytes).name;
      void this.#table.put(bounds.length === 0 ? key : nameKey(owner.number, bound), bytes);
      bounds.push(bound);
      owner.blocks++;
    }
    return bounds;
  }

  /** A block that has become small goes into the one before it, where there is room. */
  #isJoined(key: Buffer, writer: BlockWriter): boolean {
    return key.length > numberBytes && writer.length < blockBytesMin && this.#joinToEarlier(key, writer);
  }

  /** By 2, a block that is not the first has one of the same directory before it. */
  #joinToEarlier(key: Buffer, writer: BlockWriter): boolean {
    this.write();
    const [, earlier] = [...this.#table.getKeys({start: key, reverse: true, limit: 2})];
    const {bytes} = this.#block(earlier!);
    if (bytes.length + writer.length > blockBytesMax) return false;
    void this.#table.put(earlier!, Buffer.concat([bytes, writer.bytes]));
    void this.#table.remove(key);
    return true;
  }

  #boundFor(owner: BlockOwner, name: ByteString | undefined): ByteString | undefined {
    const {number, blocks} = owner;
    if (blocks === 0) return undefined;
    if (blocks === 1 || name === undefined) return firstBound;
    if (this.#keepsBounds && blocks <= boundsMax) {
      owner.bounds ??= [...keysOf(this.#table, {start: directoryKey(number), end: behindDirectory(number)})].map(
        boundOf,
      );
      return lastNotBehind(owner.bounds, name);
    }
    const [key] = [...this.#table.getKeys({start: nameKey(number, name), reverse: true, limit: 1})];
    return key && boundOf(key);
  }

  #block(key: Buffer): Block {
    const bytes = peek(this.#table, key);
    if (bytes) return {key, bytes: this.#slab.keep(bytes)};
    throw new StoreDamage(`There is no block ${key.toString('hex')}`);
  }
}

/** Whether what a writer holds is to stand where a block does, and nowhere else. */
function takesPlaceOf({key}: Block, {length}: BlockWriter): boolean {
  return length <= blockBytesMax && length >= (key.length === numberBytes ? 1 : blockBytesMin);
}

/** The bound in a block's key. */
export function boundOf(key: Buffer): ByteString {
  return key.toString('latin1', numberBytes) as ByteString;
}

/** What is kept of a directory in which blocks took the place of the one with a bound; of one block nothing is. */
function boundsAfter({blocks, bounds}: BlockOwner, bound: ByteString, written: ByteString[]): ByteString[] | undefined {
  if (blocks === 1 || blocks > boundsMax) return undefined;
  if (blocks === written.length) return written;
  return bounds?.flatMap(one => (one === bound ? written : one));
}

/** The greatest bound that is not behind a name. */
function lastNotBehind(bounds: readonly ByteString[], name: ByteString): ByteString {
  let low = 0;
  for (let high = bounds.length; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if (bounds[middle]! <= name) low = middle;
    else high = middle;
  }
  return bounds[low] ?? firstBound;
}
