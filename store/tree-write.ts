import type {ByteString} from '../core/entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kinds} from '../core/entry/entry.ts';
import {PackedCursor} from '../core/entry/packed.ts';
import type {Hlc} from '../core/time/hlc.ts';
import {
  aboveRoot,
  type BlindSpotChange,
  type Decide,
  type DirectoryRecord,
  type NameRange,
  rootDirectory,
  rootName,
  type Suspect,
  type Tombstone,
  type Totals,
  type TreeWrite,
} from '../core/tree/tree-store.ts';
import {BlockWriter, blockBytesMax} from './block-writer.ts';
import {type Databases, putNumber} from './databases.ts';
import {encodeDirectory, type StoredDirectory} from './directory-codec.ts';
import {behindDirectory, directoryKey, expiryKey, nameKey, parseNameKey} from './keys.ts';
import {mergeListing} from './merge.ts';
import {blindSpotRow, suspectRow, tombstoneRow} from './rows.ts';
import {addEntry, addState, addSubtree, addSums, raise, zeroTotals} from './totals.ts';
import {type Block, LmdbTreeRead, stateCodec} from './tree-read.ts';

/** Below this a block is joined to the one before it when both fit into one. */
const blockBytesMin = blockBytesMax / 4;
const cachedDirectoriesMax = 100_000;

/**
 * Writes inside the write transaction that is current. Lives as long as the store: between transactions it keeps
 * directory records, because nobody else writes; `forget` after a transaction that failed.
 *
 * 1. A record in `#records` is the truth, the table follows with `flush` at the end of the body.
 * 2. Whatever changes an entry changes the totals of all directories above it in the same call.
 * 3. A directory's first block has the directory's bare number as its key, also when it is empty while others exist.
 */
export class LmdbTreeWrite extends LmdbTreeRead implements TreeWrite {
  readonly #records = new Map<DirectoryNumber, StoredDirectory | undefined>();
  readonly #changed = new Set<StoredDirectory>();
  readonly #writer = new BlockWriter();
  readonly #stored = new PackedCursor();
  readonly #written = new PackedCursor();
  #seq = 0;
  #nextDirectory = 0;
  #areNumbersChanged = false;

  constructor(db: Databases, numbers: {seq: number; nextDirectory: number}) {
    super(db);
    this.#seq = numbers.seq;
    this.#nextDirectory = numbers.nextDirectory;
  }

  /** The root, for a new store. */
  plant(rootAttributes: Entry): void {
    this.#put(newRecord(aboveRoot, aboveRoot, rootName));
    this.#put(newRecord(rootDirectory, aboveRoot, rootName));
    this.#nextDirectory = rootDirectory + 1;
    this.put(aboveRoot, {...rootAttributes, name: rootName, directory: rootDirectory});
  }

  override seq(): number {
    return this.#seq;
  }

  put(directory: DirectoryNumber, entry: Entry): Entry {
    const record = this.#existing(directory);
    const block = this.findBlock(record, entry.name);
    const stored = this.#stored.reset(block?.bytes ?? new Uint8Array());
    const writer = this.#writer;
    writer.clear();
    while (!stored.isAtEnd && stored.compareName(entry.name) < 0) {
      writer.copy(stored);
      stored.next();
    }
    const isKnown = !stored.isAtEnd && stored.compareName(entry.name) === 0;
    const storedNumber = isKnown ? stored.directory : 0;
    const result = {...entry, directory: this.#numberFor(entry, storedNumber, directory)};
    const delta = newTotals();
    const isRelinked = result.directory !== storedNumber;
    if (isKnown) {
      addEntry(delta, stored, -1);
      if (isRelinked && storedNumber !== 0) this.#unlink(storedNumber, delta);
      stored.next();
    }
    const start = writer.length;
    writer.add(result);
    if (isRelinked && result.directory !== 0) addSubtree(delta, this.#existing(result.directory), 1);
    const isAppended = stored.isAtEnd;
    for (; !stored.isAtEnd; stored.next()) writer.copy(stored);
    if (block && writer.equals(block.bytes)) return result;
    addEntry(delta, this.#written.reset(writer.bytes, start), 1);
    this.#replace(record, block, isAppended);
    this.#count(1);
    this.#addUpwards(directory, delta);
    return result;
  }

  remove(directory: DirectoryNumber, name: ByteString): Entry | undefined {
    return this.#takeOut(directory, name, {isMoving: false});
  }

  merge(directory: DirectoryNumber, range: NameRange, listed: Uint8Array, agent: number, decide: Decide): void {
    const record = this.#existing(directory);
    const delta = newTotals();
    const changes = mergeListing(
      {
        findBlock: name => this.findBlock(record, name),
        blocksFrom: key => this.db.blocks.getRange({start: key, end: behindDirectory(directory)}),
        replace: (block, isAppended) => this.#replace(record, block, isAppended),
        newDirectory: name => this.#makeDirectory(directory, name, delta),
        unlink: number => this.#unlink(number, delta),
        writer: this.#writer,
        delta,
      },
      {isEmpty: record.blocks === 0, range, listed, agent, decide},
    );
    this.#count(changes);
    if (changes > 0) this.#addUpwards(directory, delta);
  }

  move(
    from: {directory: DirectoryNumber; name: ByteString},
    to: {directory: DirectoryNumber; name: ByteString},
    changes: Partial<Pick<Entry, 'realtimeAt' | 'agent' | 'isBlindSpot' | 'isSuspect'>>,
  ): Entry | undefined {
    const entry = this.entry(from.directory, from.name);
    if (!entry) return undefined;
    if (entry.directory !== 0 && this.#isAtOrBelow(to.directory, entry.directory)) {
      throw new Error(`Directory ${entry.directory} cannot move below itself.`);
    }
    const replaced = this.entry(to.directory, to.name);
    const isSamePlace = from.directory === to.directory && from.name === to.name;
    if (replaced?.directory && !isSamePlace && this.#isAtOrBelow(from.directory, replaced.directory)) {
      throw new Error(`Directory ${replaced.directory} cannot be replaced by what is in it.`);
    }
    if (!isSamePlace) {
      this.remove(to.directory, to.name);
      this.#takeOut(from.directory, from.name, {isMoving: true});
    }
    if (entry.directory !== 0) {
      const record = this.#existing(entry.directory);
      record.parent = to.directory;
      record.name = to.name;
      this.#changed.add(record);
    }
    return this.put(to.directory, {...entry, ...changes, name: to.name});
  }

  setDirectory(
    directory: DirectoryNumber,
    changes: Partial<Pick<DirectoryRecord, 'listedAt' | 'unreadable' | 'partial'>>,
  ): void {
    const record = this.#existing(directory);
    const isSame = Object.entries(changes).every(([key, value]) => record[key as keyof typeof changes] === value);
    if (isSame) return;
    const delta = newTotals();
    addState(delta, record, -1);
    Object.assign(record, changes);
    addState(delta, record, 1);
    this.#changed.add(record);
    if (delta.unlisted !== 0 || delta.unreadable !== 0) this.#addUpwards(record.parent, delta);
  }

  raise(directory: DirectoryNumber, marks: Partial<Pick<Totals, 'newestChange' | 'newestRealtimeAt'>>): void {
    this.#addUpwards(directory, {...newTotals(), ...marks});
  }

  putTombstone(directory: DirectoryNumber, name: ByteString, tombstone: Tombstone): void {
    void this.db.tombstones.put(nameKey(directory, name), tombstoneRow.encode(tombstone));
  }

  removeTombstone(directory: DirectoryNumber, name: ByteString): void {
    void this.db.tombstones.remove(nameKey(directory, name));
  }

  putSuspect(expiresAt: Hlc, suspect: Suspect): void {
    void this.db.suspects.put(expiryKey(expiresAt, suspect.directory, suspect.name), suspectRow.encode(suspect));
  }

  removeSuspect(expiresAt: Hlc, directory: DirectoryNumber, name: ByteString): void {
    void this.db.suspects.remove(expiryKey(expiresAt, directory, name));
  }

  putBlindSpot(directory: DirectoryNumber, name: ByteString, change: BlindSpotChange, foundAt: Hlc): void {
    void this.db.blindSpots.put(nameKey(directory, name), blindSpotRow.encode(change, foundAt));
  }

  removeBlindSpot(directory: DirectoryNumber, name: ByteString): void {
    void this.db.blindSpots.remove(nameKey(directory, name));
  }

  putState(name: string, value: unknown): void {
    void this.db.states.put(Buffer.from(name), stateCodec.encode(value));
  }

  removeState(name: string): void {
    void this.db.states.remove(Buffer.from(name));
  }

  collect(blocks: number): boolean {
    let left = blocks;
    for (const key of [...this.db.orphans.getKeys({limit: blocks})]) {
      const directory = key.readUIntBE(0, key.length);
      const range = {start: key, end: behindDirectory(directory)};
      for (const block of [...this.db.blocks.getRange({...range, limit: left})]) {
        for (const cursor = new PackedCursor(block.value); !cursor.isAtEnd; cursor.next()) {
          if (cursor.directory !== 0) this.#orphan(cursor.directory);
        }
        void this.db.blocks.remove(block.key);
        left--;
      }
      if (left <= 0) return true;
      for (const table of [this.db.tombstones, this.db.blindSpots]) {
        for (const row of [...table.getKeys(range)]) void table.remove(row);
      }
      void this.db.orphans.remove(key);
    }
    return [...this.db.orphans.getKeys({limit: 1})].length > 0;
  }

  /** Writes what was kept in memory; at the end of a body. */
  flush(): void {
    for (const record of this.#changed) {
      if (this.#records.get(record.number) !== record) continue;
      void this.db.directories.put(directoryKey(record.number), encodeDirectory(record));
    }
    this.#changed.clear();
    if (this.#areNumbersChanged) {
      putNumber(this.db, 'seq', this.#seq);
      putNumber(this.db, 'nextDirectory', this.#nextDirectory);
      this.#areNumbersChanged = false;
    }
    if (this.#records.size > cachedDirectoriesMax) this.#records.clear();
  }

  /** After a transaction that left nothing behind. */
  forget(numbers: {seq: number; nextDirectory: number}): void {
    this.#records.clear();
    this.#changed.clear();
    this.#areNumbersChanged = false;
    this.#seq = numbers.seq;
    this.#nextDirectory = numbers.nextDirectory;
  }

  protected override record(directory: DirectoryNumber): StoredDirectory | undefined {
    if (this.#records.has(directory)) return this.#records.get(directory);
    const record = super.record(directory);
    this.#records.set(directory, record);
    return record;
  }

  #existing(directory: DirectoryNumber): StoredDirectory {
    const record = this.record(directory);
    if (record) return record;
    throw new Error(`There is no directory ${directory}.`);
  }

  #put(record: StoredDirectory): void {
    this.#records.set(record.number, record);
    this.#changed.add(record);
  }

  #count(changes: number): void {
    if (changes === 0) return;
    this.#seq += changes;
    this.#areNumbersChanged = true;
  }

  /** The number that an entry is stored with: its own, the one that stands there, a new one, or none. */
  #numberFor(entry: Entry, stored: DirectoryNumber, parent: DirectoryNumber): DirectoryNumber {
    if (entry.kind !== kinds.directory) return 0;
    return entry.directory || stored || this.#newDirectory(parent, entry.name);
  }

  #newDirectory(parent: DirectoryNumber, name: ByteString): DirectoryNumber {
    const number = this.#nextDirectory++;
    this.#areNumbersChanged = true;
    this.#put(newRecord(number, parent, name));
    return number;
  }

  #makeDirectory(parent: DirectoryNumber, name: ByteString, delta: Totals): DirectoryNumber {
    const number = this.#newDirectory(parent, name);
    addSubtree(delta, this.#existing(number), 1);
    return number;
  }

  /** Takes a directory's subtree out of the tree; its space is freed by `collect`. */
  #unlink(directory: DirectoryNumber, delta: Totals): void {
    addSubtree(delta, this.#existing(directory), -1);
    this.#orphan(directory);
  }

  #orphan(directory: DirectoryNumber): void {
    this.#records.set(directory, undefined);
    void this.db.directories.remove(directoryKey(directory));
    void this.db.orphans.put(directoryKey(directory), Buffer.alloc(1));
  }

  #takeOut(directory: DirectoryNumber, name: ByteString, {isMoving}: {isMoving: boolean}): Entry | undefined {
    const record = this.record(directory);
    const block = record && this.findBlock(record, name);
    if (!block) return undefined;
    const stored = this.#stored.reset(block.bytes);
    const writer = this.#writer;
    writer.clear();
    let entry: Entry | undefined;
    const delta = newTotals();
    for (; !stored.isAtEnd; stored.next()) {
      if (entry || stored.compareName(name) !== 0) {
        writer.copy(stored);
        continue;
      }
      entry = stored.toEntry();
      addEntry(delta, stored, -1);
    }
    if (!entry) return undefined;
    if (entry.directory !== 0) {
      if (isMoving) addSubtree(delta, this.#existing(entry.directory), -1);
      else this.#unlink(entry.directory, delta);
    }
    this.#replace(record, block, false);
    if (!isMoving) this.#count(1);
    this.#addUpwards(directory, delta);
    return entry;
  }

  #addUpwards(directory: DirectoryNumber, delta: Totals): void {
    for (let at = directory; ; ) {
      const record = this.record(at);
      if (!record) return;
      addSums(record.totals, delta, 1);
      raise(record.totals, delta.newestChange, delta.newestRealtimeAt);
      this.#changed.add(record);
      if (at === aboveRoot) return;
      at = record.parent;
    }
  }

  #isAtOrBelow(directory: DirectoryNumber, ancestor: DirectoryNumber): boolean {
    for (let at = directory; at !== aboveRoot; at = this.#existing(at).parent) if (at === ancestor) return true;
    return false;
  }

  /** Puts what the writer holds in place of a block (or as the first one). */
  #replace(record: StoredDirectory, block: Block | undefined, isAppended: boolean): void {
    const key = block?.key ?? directoryKey(record.number);
    if (block) record.blocks--;
    const isFirst = key.length === directoryKey(0).length;
    const length = this.#writer.length;
    if (!isFirst && length < blockBytesMin && this.#joinToEarlier(record, key)) return;
    if (length === 0 && (!isFirst || record.blocks === 0)) {
      void this.db.blocks.remove(key);
      this.#changed.add(record);
      return;
    }
    const cursor = new PackedCursor();
    for (const [index, bytes] of this.#writer.blocks(isAppended).entries()) {
      const at = index === 0 ? key : nameKey(record.number, cursor.reset(bytes).name);
      void this.db.blocks.put(at, bytes);
      record.blocks++;
    }
    this.#changed.add(record);
  }

  #joinToEarlier(record: StoredDirectory, key: Buffer): boolean {
    const before = {start: key, reverse: true, limit: 2, end: directoryKey(record.number - 1)};
    for (const earlier of [...this.db.blocks.getRange(before)]) {
      if (earlier.key.equals(key)) continue;
      const {directory} = parseNameKey(earlier.key);
      if (directory !== record.number || earlier.value.length + this.#writer.length > blockBytesMax) return false;
      const joined = Buffer.concat([earlier.value, this.#writer.bytes]);
      void this.db.blocks.put(earlier.key, joined);
      void this.db.blocks.remove(key);
      this.#changed.add(record);
      return true;
    }
    return false;
  }
}

function newTotals(): Totals {
  return {...zeroTotals};
}

function newRecord(number: DirectoryNumber, parent: DirectoryNumber, name: ByteString): StoredDirectory {
  return {
    number,
    parent,
    name,
    listedAt: 0,
    unreadable: undefined,
    partial: undefined,
    totals: newTotals(),
    blocks: 0,
  };
}
