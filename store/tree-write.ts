import type {ByteString} from '../core/entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kinds} from '../core/entry/entry.ts';
import {PackedCursor} from '../core/entry/packed.ts';
import {joinPath, type Path, rootPath} from '../core/entry/path.ts';
import type {ChangeName, LoggedChange} from '../core/tree/changes.ts';
import {
  aboveRoot,
  type Decide,
  type DirectoryRecord,
  type Marks,
  type NameParts,
  type NameRange,
  rootDirectory,
  rootName,
  type Totals,
  type TreeWrite,
} from '../core/tree/tree-store.ts';
import {type Block, type BlockOwner, boundOf} from './block-table.ts';
import {BlockWriter} from './block-writer.ts';
import {ChangeLog} from './change-log.ts';
import {type Databases, getNumber, putNumber} from './databases.ts';
import type {StoredDirectory} from './directory-codec.ts';
import {DirectoryTable} from './directory-table.ts';
import {LmdbListWrite} from './list-write.ts';
import {mergeListing} from './merge.ts';
import {NameFilters} from './name-filters.ts';
import {addOrphan, collectOrphans} from './orphans.ts';
import {addEntry, addState, addSubtree, newTotals} from './totals.ts';

const noEntries = Buffer.alloc(0);

type Place = {directory: DirectoryNumber; name: ByteString};

/**
 * Writes inside the write transaction that is current, and lives as long as the store.
 *
 * 1. Whatever changes an entry changes the totals of all directories above it in the same call.
 * 2. What is kept in memory (directories, numbers) is the truth within a body; `flush` writes it at the body's end, and
 *    `forget` follows a transaction that left nothing behind.
 * 3. Each change of an entry raises `seq` by one, and is logged under that number if it can be seen.
 * 4. Whatever changes what can be told of a directory raises the count of versions, and gives it to all directories above.
 */
export class LmdbTreeWrite extends LmdbListWrite implements TreeWrite {
  readonly #directories: DirectoryTable;
  readonly #writer = new BlockWriter();
  readonly #stored = new PackedCursor();
  readonly #log: ChangeLog;
  readonly #filters: NameFilters;
  #seq = 0;
  #version = 0;
  #nextDirectory = 0;
  #flushedSeq = 0;
  #flushedVersion = 0;
  #flushedNextDirectory = 0;

  constructor(db: Databases, {changeLogBytesMax}: {changeLogBytesMax: number}) {
    super(db);
    this.#directories = new DirectoryTable(db.directories);
    this.#log = new ChangeLog(db, {bytesMax: changeLogBytesMax, pathOf: directory => this.#pathOf(directory)});
    this.#filters = new NameFilters(db, directory => this.runs(directory));
    this.forget();
  }

  /** Makes the root, in a new store. */
  plant(root: Entry): void {
    this.#directories.make(aboveRoot, aboveRoot, rootName);
    this.#directories.make(rootDirectory, aboveRoot, rootName);
    this.#nextDirectory = rootDirectory + 1;
    this.put(aboveRoot, {...root, name: rootName, directory: rootDirectory});
    this.#seq = 0;
    this.#log.forget();
  }

  override seq(): number {
    return this.#seq;
  }

  override changesFrom(): number {
    return this.#log.from;
  }

  override changes(since: number): Iterable<LoggedChange> {
    this.#log.write();
    return super.changes(since);
  }

  override allRuns(
    from?: {directory: DirectoryNumber; name: ByteString},
    parts?: NameParts,
  ): Iterable<{directory: DirectoryNumber; run: Uint8Array}> {
    this.#filters.write();
    return super.allRuns(from, parts);
  }

  put(directory: DirectoryNumber, entry: Entry): Entry {
    return this.#put(directory, entry, undefined);
  }

  /** `from`: where it was until now. */
  #put(directory: DirectoryNumber, entry: Entry, from: Path | undefined): Entry {
    const owner = this.#directories.existing(directory);
    const block = this.blocks.find(owner, entry.name);
    const stored = this.#stored;
    const isKnown = this.#seek(block, entry.name);
    const known = isKnown ? stored.directory : 0;
    const result = {...entry, directory: this.#numberFor(entry, known, directory)};
    const writer = this.#writer;
    writer.clear();
    writer.copy(stored.run, 0, stored.offset);
    const start = writer.length;
    writer.add(result);
    if (isKnown && writer.endsWith(stored, start)) return result;

    const isNew = !isKnown || stored.kind !== result.kind || known !== result.directory;
    const isShown = isNew || writer.showsOther(stored, start);
    const delta = newTotals();
    if (isKnown) {
      addEntry(delta, stored, -1);
      stored.next();
    }
    if (known !== 0 && known !== result.directory) this.#unlink(known, delta);
    if (result.directory !== 0 && known !== result.directory)
      addSubtree(delta, this.#directories.existing(result.directory), 1);
    const isAppended = stored.isAtEnd;
    writer.copy(stored.run, stored.offset, stored.run.byteLength);
    addEntry(delta, stored.reset(writer.bytes, start), 1);
    this.#changed(isShown ? (isNew ? 'created' : 'modified') : undefined, directory, stored, from);
    if (!isKnown) this.#filters.add(directory, stored);
    this.#replace(owner, block, isAppended);
    this.#addUpwards(directory, delta);
    return result;
  }

  remove(directory: DirectoryNumber, name: ByteString): Entry | undefined {
    const delta = newTotals();
    const entry = this.#takeOut({directory, name}, delta);
    if (!entry) return undefined;
    if (entry.directory !== 0) this.#unlink(entry.directory, delta);
    this.#changed('deleted', directory, this.#stored);
    this.#addUpwards(directory, delta);
    return entry;
  }

  merge(directory: DirectoryNumber, range: NameRange, listed: Uint8Array, agent: number, decide: Decide): void {
    const owner = this.#directories.existing(directory);
    const delta = newTotals();
    const isFirst = owner.blocks === 0;
    const target = {
      blocks: this.#blocksOf(owner, range),
      replace: (block: Block | undefined, isAppended: boolean) => this.#replace(owner, block, isAppended),
      newDirectory: (name: ByteString) => {
        const number = this.#newDirectory(directory, name);
        addSubtree(delta, this.#directories.existing(number), 1);
        return number;
      },
      unlink: (number: DirectoryNumber) => this.#unlink(number, delta),
      changed: (change: ChangeName | undefined, at: PackedCursor) => {
        this.#changed(change, directory, at);
        if (change === 'created' && !isFirst) this.#filters.add(directory, at);
      },
      writer: this.#writer,
      delta,
    };
    const seqBefore = this.#seq;
    mergeListing(target, {range, listed, agent, decide});
    if (this.#seq === seqBefore) return;
    this.#addUpwards(directory, delta);
    if (isFirst) this.#filters.set(directory, this.#writer.bytes);
  }

  move(
    from: Place,
    to: Place,
    changes: Partial<Pick<Entry, 'realtimeAt' | 'agent' | 'isBlindSpot' | 'isSuspect'>>,
  ): Entry | undefined {
    const entry = this.entry(from.directory, from.name);
    if (!entry) return undefined;
    const moved = {...entry, ...changes, name: to.name};
    if (from.directory === to.directory && from.name === to.name) return this.put(to.directory, moved);
    const parent = this.#pathOf(from.directory);
    this.#relink(entry, from, to);
    return this.#put(to.directory, moved, parent && joinPath(parent, from.name));
  }

  setDirectory(
    directory: DirectoryNumber,
    changes: Partial<Pick<DirectoryRecord, 'listedAt' | 'unreadable' | 'partial'>>,
  ): void {
    const record = this.#directories.existing(directory);
    const isSame = Object.entries(changes).every(([key, value]) => record[key as keyof typeof changes] === value);
    if (isSame) return;
    const delta = newTotals();
    const [wasListed, wasUnreadable] = [record.listedAt !== 0, record.unreadable];
    addState(delta, record, -1);
    Object.assign(record, changes);
    addState(delta, record, 1);
    this.#directories.changed(record);
    if (wasListed === (record.listedAt !== 0) && wasUnreadable === record.unreadable) return;
    record.totals.version = delta.version = ++this.#version;
    this.#directories.addUpwards(record.parent, delta);
  }

  raise(directory: DirectoryNumber, marks: Partial<Marks>): void {
    this.#directories.addUpwards(directory, {...newTotals(), ...marks});
  }

  collect(blocks: number): boolean {
    this.blocks.write();
    return collectOrphans(this.db, blocks, number => this.#orphan(number)) || this.#filters.fill(blocks);
  }

  /** Writes what was kept in memory; at the end of a body. */
  flush(): void {
    this.blocks.write();
    this.#directories.flush();
    this.#filters.write();
    this.#log.flush();
    if (this.#seq !== this.#flushedSeq) putNumber(this.db, 'seq', this.#seq);
    if (this.#version !== this.#flushedVersion) putNumber(this.db, 'version', this.#version);
    if (this.#nextDirectory !== this.#flushedNextDirectory) putNumber(this.db, 'nextDirectory', this.#nextDirectory);
    this.#flushedSeq = this.#seq;
    this.#flushedVersion = this.#version;
    this.#flushedNextDirectory = this.#nextDirectory;
  }

  /** Goes back to what is stored. */
  override forget(): void {
    super.forget();
    this.blocks.forget();
    this.#directories.forget();
    this.#filters.forget();
    this.#log.forget();
    this.#seq = this.#flushedSeq = getNumber(this.db, 'seq') ?? 0;
    this.#version = this.#flushedVersion = getNumber(this.db, 'version') ?? 0;
    this.#nextDirectory = this.#flushedNextDirectory = getNumber(this.db, 'nextDirectory') ?? 0;
  }

  override childDirectory(directory: DirectoryNumber, name: ByteString): DirectoryNumber {
    const kept = this.#directories.keptAt(directory, name);
    if (kept) return kept.number;
    const number = super.childDirectory(directory, name);
    if (number !== 0) this.#directories.get(number); // kept from now on
    return number;
  }

  override entry(directory: DirectoryNumber, name: ByteString): Entry | undefined {
    const owner = this.owner(directory);
    const block = owner && this.blocks.find(owner, name);
    return this.#seek(block, name) ? this.#stored.toEntry() : undefined;
  }

  protected override stored(directory: DirectoryNumber): StoredDirectory | undefined {
    return this.#directories.get(directory);
  }

  protected override owner(directory: DirectoryNumber): BlockOwner | undefined {
    return this.#directories.get(directory);
  }

  /** Whether a name is in a block. Goes on from where the last look at the block ended: rules look before they write. */
  #seek(block: Block | undefined, name: ByteString): boolean {
    const stored = this.#stored;
    const isBefore = stored.run === block?.bytes && !stored.isAtEnd && stored.compareName(name) <= 0;
    if (!isBefore) stored.reset(block?.bytes ?? noEntries);
    return stored.seek(name);
  }

  /** Counts a change, and logs it if it can be seen. The cursor stands at the entry. */
  #changed(change: ChangeName | undefined, directory: DirectoryNumber, at: PackedCursor, from?: Path): void {
    const seqBefore = this.#seq++;
    this.#version++;
    if (change === undefined) return;
    this.#log.add({change: from === undefined ? change : 'moved', directory, at, from, seqBefore});
  }

  /** Adds to the totals, and gives the newest version to a directory whose entries changed and to all above it. */
  #addUpwards(directory: DirectoryNumber, delta: Totals): void {
    delta.version = this.#directories.existing(directory).ownVersion = this.#version;
    this.#directories.addUpwards(directory, delta);
  }

  /** Undefined where nothing leads to the directory any more. */
  #pathOf(directory: DirectoryNumber): Path | undefined {
    if (directory === aboveRoot) return rootPath;
    const names: ByteString[] = [];
    for (let at = directory; at !== rootDirectory; ) {
      const record = this.#directories.get(at);
      if (!record) return undefined;
      names.push(record.name);
      at = record.parent;
    }
    return names.reduceRight(joinPath, rootPath);
  }

  /** The number that an entry is stored with: its own, the one that stands there, a new one, or none. */
  #numberFor(entry: Entry, known: DirectoryNumber, parent: DirectoryNumber): DirectoryNumber {
    if (entry.kind !== kinds.directory) return 0;
    return entry.directory || known || this.#newDirectory(parent, entry.name);
  }

  #newDirectory(parent: DirectoryNumber, name: ByteString): DirectoryNumber {
    const number = this.#nextDirectory++;
    this.#directories.make(number, parent, name);
    return number;
  }

  /** Takes a directory's subtree out of the tree; its space is freed by `collect`. */
  #unlink(directory: DirectoryNumber, delta: Totals): void {
    addSubtree(delta, this.#directories.existing(directory), -1);
    this.#orphan(directory);
  }

  #orphan(directory: DirectoryNumber): void {
    this.#directories.remove(directory);
    this.#filters.drop(directory);
    addOrphan(this.db, directory);
  }

  /** Takes an entry out of its block; what it points to is left to the caller. `#stored` stands at what it was. */
  #takeOut({directory, name}: Place, delta: Totals): Entry | undefined {
    const owner = this.#directories.get(directory);
    const block = owner && this.blocks.find(owner, name);
    if (!block) return undefined;
    const stored = this.#stored;
    if (!this.#seek(block, name)) return undefined;
    const entry = stored.toEntry();
    addEntry(delta, stored, -1);
    const writer = this.#writer;
    writer.clear();
    const {offset} = stored;
    writer.copy(stored.run, 0, offset);
    stored.next();
    writer.copy(stored.run, stored.offset, stored.run.byteLength);
    this.#replace(owner, block, false);
    stored.reset(block.bytes, offset);
    return entry;
  }

  /** Makes room at the new place and takes the entry from the old one; its directory then says where it will be. */
  #relink(entry: Entry, from: Place, to: Place): void {
    const number = entry.directory;
    if (number !== 0 && this.#directories.isAtOrBelow(to.directory, number))
      throw new Error(`Directory ${number} cannot move below itself.`);
    const replaced = this.entry(to.directory, to.name)?.directory ?? 0;
    if (replaced !== 0 && this.#directories.isAtOrBelow(from.directory, replaced))
      throw new Error(`Directory ${replaced} cannot be replaced by what is in it.`);
    this.remove(to.directory, to.name);
    const delta = newTotals();
    this.#takeOut(from, delta);
    if (number !== 0) {
      const record = this.#directories.existing(number);
      addSubtree(delta, record, -1);
      this.#directories.move(record, to);
      this.#log.endGroup();
    }
    this.#version++;
    this.#addUpwards(from.directory, delta);
  }

  /** Read before anything is written: a merge looks at them one by one while it replaces them. */
  #blocksOf(owner: BlockOwner, {after, until}: NameRange): Block[] {
    const blocks: Block[] = [];
    for (const block of this.blocks.from(owner, after)) {
      if (until !== undefined && blocks.length > 0 && boundOf(block.key) > until) break;
      blocks.push(block);
    }
    return blocks;
  }

  /** Puts what the writer holds in place of a block. */
  #replace(owner: StoredDirectory, block: Block | undefined, isAppended: boolean): void {
    const {blocks} = owner;
    this.blocks.replace(owner, {block, writer: this.#writer, isAppended});
    if (owner.blocks !== blocks) this.#directories.changed(owner);
  }
}
