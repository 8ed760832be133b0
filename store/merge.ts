import type {ByteString} from '../core/entry/byte-string.ts';
import {type DirectoryNumber, kinds} from '../core/entry/entry.ts';
import {fixedBytes, flags, kindMask, PackedCursor} from '../core/entry/packed.ts';
import type {ChangeName} from '../core/tree/changes.ts';
import {type Decide, type NameRange, type Totals, verdicts} from '../core/tree/tree-store.ts';
import {type Block, boundOf} from './block-table.ts';
import type {BlockWriter} from './block-writer.ts';
import {addEntry} from './totals.ts';

/** The directory that is merged into, as far as a merge needs it. */
export type MergeTarget = {
  /** The blocks that a range of names touches, all read before the first is replaced. */
  blocks: readonly Block[];
  /** Puts what the writer holds in place of a block, or as the directory's first. */
  replace(block: Block | undefined, isAppended: boolean): void;
  newDirectory(name: ByteString): DirectoryNumber;
  unlink(directory: DirectoryNumber): void;
  /** Told of each entry that changes: what can be seen of it, if anything, and where its name is. */
  changed(change: ChangeName | undefined, entry: PackedCursor): void;
  writer: BlockWriter;
  /** Collects what the directory's totals change by. */
  delta: Totals;
};

export type Listing = {range: NameRange; listed: Uint8Array; agent: number; decide: Decide};

const markMask = flags.suspect | flags.blindSpot;
const noEntries = Buffer.alloc(0);

/**
 * Compares a sorted run with the stored blocks that its range touches. Each block takes the listed names up to where the
 * next block begins, and only a block in which something changes is written. Makes no object for an entry.
 */
export function mergeListing(target: MergeTarget, {range, listed, agent, decide}: Listing): void {
  const {after, until} = range;
  const found = new PackedCursor(listed);
  if (after !== undefined && !found.isAtEnd && found.compareName(after) <= 0) throw outOfRange(found);
  const merge = new Merge(target, agent, decide);
  const blocks = target.blocks.length === 0 ? [undefined] : target.blocks;
  for (const [index, block] of blocks.entries()) {
    const next = blocks[index + 1];
    const isChanged = merge.block(block?.bytes ?? noEntries, found, next && boundOf(next.key), range);
    if (isChanged) target.replace(block, next === undefined && until === undefined);
  }
}

class Merge {
  readonly #target: MergeTarget;
  readonly #agent: number;
  readonly #decide: Decide;
  readonly #stored = new PackedCursor();
  /** Where in the stored block the entries begin that stay and are not copied yet. */
  #keptFrom = 0;
  #changes = 0;

  constructor(target: MergeTarget, agent: number, decide: Decide) {
    this.#target = target;
    this.#agent = agent;
    this.#decide = decide;
  }

  /** One block, and the listed names that come before `bound`. True when the writer holds another block now. */
  block(run: Buffer, listed: PackedCursor, bound: ByteString | undefined, {after, until}: NameRange): boolean {
    const stored = this.#stored.reset(run);
    const changesBefore = this.#changes;
    this.#target.writer.clear();
    this.#keptFrom = 0;
    if (after !== undefined && stored.seek(after)) stored.next();
    for (;;) {
      const hasListed = !listed.isAtEnd && (bound === undefined || listed.compareName(bound) < 0);
      const hasStored = !stored.isAtEnd && (until === undefined || stored.compareName(until) <= 0);
      if (!hasListed && !hasStored) break;
      if (hasListed && until !== undefined && listed.compareName(until) > 0) throw outOfRange(listed);
      const order = !hasStored ? 1 : !hasListed ? -1 : stored.compareNameTo(listed);
      this.#settle(order <= 0, order >= 0 ? listed : undefined);
      if (order <= 0) stored.next();
      if (order >= 0) listed.next();
    }
    if (this.#changes === changesBefore) return false;
    this.#target.writer.copy(run, this.#keptFrom, run.byteLength);
    return true;
  }

  #settle(isStored: boolean, listed: PackedCursor | undefined): void {
    const stored = isStored ? this.#stored : undefined;
    const verdict = this.#decide(stored, listed);
    const marks = verdict & markMask;
    switch (verdict & kindMask) {
      case verdicts.take:
        if (listed) this.#take(stored, listed, marks);
        return;
      case verdicts.reflag:
        if (stored && (stored.flags & markMask) !== marks) this.#reflag(stored, marks);
        return;
      case verdicts.remove:
        if (stored) this.#remove(stored);
        return;
    }
  }

  #take(stored: PackedCursor | undefined, listed: PackedCursor, marks: number): void {
    const {writer, delta} = this.#target;
    if (stored && this.#isSame(stored, listed, marks)) return;
    const isDirectory = listed.kind === kinds.directory;
    const known = stored?.directory ?? 0;
    if (known !== 0 && !isDirectory) this.#target.unlink(known);
    const directory = !isDirectory ? 0 : known !== 0 ? known : this.#target.newDirectory(listed.name);
    const realtimeAt = stored?.realtimeAt ?? 0;
    this.#leave(stored);
    const start = writer.length;
    writer.adopt(listed, {marks, agent: this.#agent, realtimeAt, directory});
    addEntry(delta, listed, 1, marks);
    const isNew = stored?.kind !== listed.kind;
    const isShown = isNew || writer.showsOther(stored, start);
    this.#target.changed(isShown ? (isNew ? 'created' : 'modified') : undefined, listed);
  }

  #reflag(stored: PackedCursor, marks: number): void {
    const {writer, delta} = this.#target;
    this.#leave(stored);
    const start = writer.length;
    writer.reflag(stored, marks);
    addEntry(delta, stored, 1, marks);
    this.#target.changed(writer.showsOther(stored, start) ? 'modified' : undefined, stored);
  }

  #remove(stored: PackedCursor): void {
    if (stored.directory !== 0) this.#target.unlink(stored.directory);
    this.#leave(stored);
    this.#target.changed('deleted', stored);
  }

  /** The stored entry does not stay as it is, or a new one comes before it: copies what stays in front of it. */
  #leave(stored: PackedCursor | undefined): void {
    const {writer, delta} = this.#target;
    this.#changes++;
    const at = this.#stored.offset;
    writer.copy(this.#stored.run, this.#keptFrom, at);
    this.#keptFrom = at;
    if (!stored) return;
    addEntry(delta, stored, -1);
    this.#keptFrom += stored.byteLength;
  }

  /** Whether taking the listed entry would write what is there. The names are known to be equal. */
  #isSame(stored: PackedCursor, listed: PackedCursor, marks: number): boolean {
    const given = stored.flags & ~(flags.realtime | flags.directory);
    if (given !== (listed.flags | marks) || stored.agent !== this.#agent || stored.kind !== listed.kind) return false;
    const a = stored.run;
    const b = listed.run;
    for (let i = 2; i < fixedBytes - 2; i++) if (a[stored.offset + i] !== b[listed.offset + i]) return false;
    return true;
  }
}

function outOfRange(listed: PackedCursor): Error {
  return new Error(`The listed name ${JSON.stringify(listed.name)} is outside the range of its listing.`);
}
