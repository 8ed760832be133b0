import type {ByteString} from '../core/entry/byte-string.ts';
import {type DirectoryNumber, kinds} from '../core/entry/entry.ts';
import {flags, kindMask, PackedCursor} from '../core/entry/packed.ts';
import {type Decide, type NameRange, type Totals, verdicts} from '../core/tree/tree-store.ts';
import type {BlockWriter} from './block-writer.ts';
import {numberBytes} from './keys.ts';
import {addEntry} from './totals.ts';
import type {Block} from './tree-read.ts';

/** The directory that is merged into, as far as a merge needs it. */
export type MergeTarget = {
  findBlock(name: ByteString): Block | undefined;
  blocksFrom(key: Buffer): Iterable<{key: Buffer; value: Buffer}>;
  /** Puts what the writer holds in place of a block. */
  replace(block: Block | undefined, isAppended: boolean): void;
  newDirectory(name: ByteString): DirectoryNumber;
  unlink(directory: DirectoryNumber): void;
  writer: BlockWriter;
  /** Collects what the directory's totals change by. */
  delta: Totals;
};

type Listing = {isEmpty: boolean; range: NameRange; listed: Uint8Array; agent: number; decide: Decide};

/**
 * Compares a sorted run with the stored blocks that its range touches, block by block: each takes the listed names up to
 * where the next block begins, and only a block that changed is written. Makes no object for an entry. Returns how many
 * entries changed.
 */
export function mergeListing(target: MergeTarget, {isEmpty, range, listed, agent, decide}: Listing): number {
  const {after, until} = range;
  const found = new PackedCursor(listed);
  const merge = new Merge(target, agent, decide);
  if (isEmpty) {
    merge.block(new PackedCursor(new Uint8Array()), found, undefined, range);
    merge.finish(undefined, true);
    return merge.changes;
  }
  const first = target.findBlock(after ?? ('' as ByteString))!;
  // Collected before anything is written: a cursor of LMDB does not outlive changes below it.
  const blocks: Block[] = [];
  for (const {key, value} of target.blocksFrom(first.key)) {
    if (until !== undefined && blocks.length > 0 && boundOf(key) > until) break;
    blocks.push({key, bytes: value});
  }
  for (const [index, block] of blocks.entries()) {
    const next = blocks[index + 1];
    merge.block(new PackedCursor(block.bytes), found, next && boundOf(next.key), range);
    merge.finish(block, next === undefined && until === undefined);
  }
  return merge.changes;
}

function boundOf(key: Buffer): ByteString {
  return key.toString('latin1', numberBytes) as ByteString;
}

class Merge {
  readonly #target: MergeTarget;
  readonly #agent: number;
  readonly #decide: Decide;
  readonly #written = new PackedCursor();
  #changesBefore = 0;
  changes = 0;

  constructor(target: MergeTarget, agent: number, decide: Decide) {
    this.#target = target;
    this.#agent = agent;
    this.#decide = decide;
  }

  /** One block, and the listed names that come before `bound`. */
  block(stored: PackedCursor, listed: PackedCursor, bound: ByteString | undefined, {after, until}: NameRange): void {
    const {writer} = this.#target;
    writer.clear();
    this.#changesBefore = this.changes;
    while (after !== undefined && !stored.isAtEnd && stored.compareName(after) <= 0) {
      writer.copy(stored);
      stored.next();
    }
    for (;;) {
      const hasListed = !listed.isAtEnd && (bound === undefined || listed.compareName(bound) < 0);
      const hasStored = !stored.isAtEnd && (until === undefined || stored.compareName(until) <= 0);
      if (!hasListed && !hasStored) break;
      const order = !hasStored ? 1 : !hasListed ? -1 : stored.compareNameTo(listed);
      const storedHere = order <= 0 ? stored : undefined;
      const listedHere = order >= 0 ? listed : undefined;
      this.#settle(storedHere, listedHere);
      storedHere?.next();
      listedHere?.next();
    }
    for (; !stored.isAtEnd; stored.next()) writer.copy(stored);
  }

  /** Writes the block if anything in it changed. */
  finish(block: Block | undefined, isAppended: boolean): void {
    if (this.changes > this.#changesBefore) this.#target.replace(block, isAppended);
  }

  #settle(stored: PackedCursor | undefined, listed: PackedCursor | undefined): void {
    const {writer, delta} = this.#target;
    const verdict = this.#decide(stored, listed);
    const marks = verdict & (flags.suspect | flags.blindSpot);
    switch (verdict & kindMask) {
      case verdicts.take:
        if (listed) this.#take(stored, listed, marks);
        else if (stored) writer.copy(stored);
        return;
      case verdicts.reflag: {
        if (!stored) return;
        const current = stored.flags & (flags.suspect | flags.blindSpot);
        if (current === marks) {
          writer.copy(stored);
          return;
        }
        addEntry(delta, stored, -1);
        this.#wrote(() => writer.reflag(stored, marks));
        return;
      }
      case verdicts.remove:
        if (!stored) return;
        addEntry(delta, stored, -1);
        if (stored.directory !== 0) this.#target.unlink(stored.directory);
        this.changes++;
        return;
      default:
        if (stored) writer.copy(stored);
    }
  }

  #take(stored: PackedCursor | undefined, listed: PackedCursor, marks: number): void {
    const {writer, delta} = this.#target;
    const isDirectory = listed.kind === kinds.directory;
    const known = stored?.directory ?? 0;
    if (stored) addEntry(delta, stored, -1);
    if (known !== 0 && !isDirectory) this.#target.unlink(known);
    const directory = !isDirectory ? 0 : known !== 0 ? known : this.#target.newDirectory(listed.name);
    const realtimeAt = stored?.realtimeAt ?? 0;
    this.#wrote(() => writer.adopt(listed, {flags: marks, agent: this.#agent, realtimeAt, directory}));
  }

  #wrote(write: () => void): void {
    const {writer, delta} = this.#target;
    const start = writer.length;
    write();
    addEntry(delta, this.#written.reset(writer.bytes, start), 1);
    this.changes++;
  }
}
