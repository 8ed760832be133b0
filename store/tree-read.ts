import {Encoder} from 'cbor-x';
import type {ByteString} from '../core/entry/byte-string.ts';
import type {DirectoryNumber, Entry} from '../core/entry/entry.ts';
import {PackedCursor} from '../core/entry/packed.ts';
import type {Hlc} from '../core/time/hlc.ts';
import type {LoggedChange} from '../core/tree/changes.ts';
import {
  aboveRoot,
  type BlindSpotChange,
  type DirectoryRecord,
  type NameParts,
  type Suspect,
  type SuspectPlace,
  type Tombstone,
  type TreeRead,
} from '../core/tree/tree-store.ts';
import {type BlockOwner, BlockTable} from './block-table.ts';
import {decodeChanges} from './change-codec.ts';
import {type Databases, getNumber, getText, lastCommit, peek, rowsOf} from './databases.ts';
import {type StoredDirectory, storedBlocks, toRecord} from './directory-codec.ts';
import {readDirectory} from './directory-table.ts';
import {candidates, wantedNames} from './filter-scan.ts';
import {
  behindDirectory,
  behindExpiry,
  directoryKey,
  expiryKey,
  nameKey,
  numberBytes,
  parseExpiryKey,
  parseNameKey,
} from './keys.ts';
import {blindSpotRow, suspectRow, tombstoneRow} from './rows.ts';

const noEntries = new Uint8Array();
export const stateCodec = new Encoder({useRecords: false, tagUint8Array: false});

/** Reads the tables in whatever transaction is current. */
export class LmdbTreeRead implements TreeRead {
  protected readonly db: Databases;
  protected readonly blocks: BlockTable;
  readonly #opening: number;
  readonly #cursor = new PackedCursor();

  /** `opening`: which one of its reader's it is; a file that is put in the place of another may have transactions of the same numbers. */
  constructor(db: Databases, {keepsBounds = false, opening = 0} = {}) {
    this.db = db;
    this.#opening = opening;
    this.blocks = new BlockTable(db.blocks, {keepsBounds});
  }

  storeId(): string {
    return getText(this.db, 'storeId') ?? '';
  }

  snapshotId(): string | undefined {
    const commit = lastCommit(this.db, 'meta');
    return commit === undefined ? undefined : `${this.#opening}/${commit}`;
  }

  seq(): number {
    return getNumber(this.db, 'seq') ?? 0;
  }

  changesFrom(): number {
    return getNumber(this.db, 'changesFrom') ?? 0;
  }

  *changes(since: number): Iterable<LoggedChange> {
    const key = directoryKey(since);
    const [start = key] = [...this.db.changes.getKeys({start: key, reverse: true, limit: 1})];
    for (const {key: at, value} of rowsOf(this.db.changes, {start})) {
      for (const change of decodeChanges(at.readUIntBE(0, numberBytes), value)) if (change.seq > since) yield change;
    }
  }

  entry(directory: DirectoryNumber, name: ByteString): Entry | undefined {
    const owner = this.owner(directory);
    const run = owner && this.blocks.peek(owner, name);
    if (!run) return undefined;
    const cursor = this.#cursor.reset(run);
    return cursor.seek(name) ? cursor.toEntry() : undefined;
  }

  childDirectory(directory: DirectoryNumber, name: ByteString): DirectoryNumber {
    return this.entry(directory, name)?.directory ?? 0;
  }

  directory(directory: DirectoryNumber): Readonly<DirectoryRecord> | undefined {
    const stored = directory === aboveRoot ? undefined : this.stored(directory);
    return stored && toRecord(stored);
  }

  *runs(directory: DirectoryNumber, from?: ByteString): Iterable<Uint8Array> {
    const owner = this.owner(directory);
    if (!owner) return;
    for (const {bytes} of this.blocks.from(owner, from)) yield bytes;
  }

  *allRuns(
    from?: {directory: DirectoryNumber; name: ByteString},
    parts?: NameParts,
  ): Iterable<{directory: DirectoryNumber; run: Uint8Array}> {
    const wanted = parts && wantedNames(parts);
    const filteredFrom = wanted ? (getNumber(this.db, 'filteredFrom') ?? 0) : Number.POSITIVE_INFINITY;
    const first = from?.directory ?? aboveRoot;
    if (first < filteredFrom) {
      const start = from === undefined ? undefined : nameKey(from.directory, from.name);
      for (const {key, bytes} of this.blocks.all(start)) {
        const directory = key.readUIntBE(0, numberBytes);
        if (directory >= filteredFrom) break;
        yield {directory, run: bytes};
      }
    }
    if (!wanted) return;
    for (const {directory, isCandidate} of candidates(this.db.filters, wanted, Math.max(first, filteredFrom))) {
      if (!isCandidate) yield {directory, run: noEntries};
      else for (const run of this.runs(directory, directory === first ? from?.name : undefined)) yield {directory, run};
    }
  }

  tombstone(directory: DirectoryNumber, name: ByteString): Tombstone | undefined {
    const row = peek(this.db.tombstones, nameKey(directory, name));
    return row && tombstoneRow.decode(row);
  }

  hasTombstones(directory: DirectoryNumber): boolean {
    const range = {start: directoryKey(directory), end: behindDirectory(directory), limit: 1};
    return [...this.db.tombstones.getKeys(range)].length > 0;
  }

  *tombstones(after?: {
    directory: DirectoryNumber;
    name: ByteString;
  }): Iterable<Tombstone & {directory: DirectoryNumber; name: ByteString}> {
    const range = after === undefined ? {} : {start: nameKey(after.directory, after.name), exclusiveStart: true};
    for (const {key, value} of rowsOf(this.db.tombstones, range))
      yield {...parseNameKey(key), ...tombstoneRow.decode(value)};
  }

  *suspects(until?: Hlc, after?: SuspectPlace): Iterable<Suspect & {expiresAt: Hlc}> {
    const end = until === undefined ? {} : {end: behindExpiry(until)};
    const start = after && {start: expiryKey(after.expiresAt, after.directory, after.name), exclusiveStart: true};
    const range = {...end, ...start};
    for (const {key, value} of rowsOf(this.db.suspects, range))
      yield {...parseExpiryKey(key), ...suspectRow.decode(value)};
  }

  *blindSpots({
    of,
    after,
  }: {
    of?: DirectoryNumber;
    after?: {directory: DirectoryNumber; name: ByteString} | undefined;
  } = {}): Iterable<{directory: DirectoryNumber; name: ByteString; change: BlindSpotChange; foundAt: Hlc}> {
    const start = of === undefined ? {} : {start: directoryKey(of), end: behindDirectory(of)};
    const behind = after && {start: nameKey(after.directory, after.name), exclusiveStart: true};
    for (const {key, value} of rowsOf(this.db.blindSpots, {...start, ...behind}))
      yield {...parseNameKey(key), ...blindSpotRow.decode(value)};
  }

  state<T>(name: string): T | undefined {
    const row = this.db.states.get(Buffer.from(name));
    return row && (stateCodec.decode(row) as T);
  }

  *states<T>(prefix: string): Iterable<{name: string; value: T}> {
    for (const {key, value} of rowsOf(this.db.states, {start: Buffer.from(prefix)})) {
      const name = key.toString();
      if (!name.startsWith(prefix)) return;
      yield {name, value: stateCodec.decode(value) as T};
    }
  }

  protected stored(directory: DirectoryNumber): StoredDirectory | undefined {
    return readDirectory(this.db.directories, directory);
  }

  protected owner(directory: DirectoryNumber): BlockOwner | undefined {
    const bytes = peek(this.db.directories, directoryKey(directory));
    return bytes && {number: directory, blocks: storedBlocks(bytes)};
  }
}
