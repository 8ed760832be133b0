import {Encoder} from 'cbor-x';
import type {ByteString} from '../core/entry/byte-string.ts';
import type {DirectoryNumber, Entry} from '../core/entry/entry.ts';
import {PackedCursor} from '../core/entry/packed.ts';
import type {Hlc} from '../core/time/hlc.ts';
import {
  aboveRoot,
  type BlindSpotChange,
  type DirectoryRecord,
  type Suspect,
  type Tombstone,
  type TreeRead,
} from '../core/tree/tree-store.ts';
import {type Databases, getNumber} from './databases.ts';
import {decodeDirectory, type StoredDirectory} from './directory-codec.ts';
import {
  behindDirectory,
  behindExpiry,
  directoryKey,
  nameKey,
  numberBytes,
  parseExpiryKey,
  parseNameKey,
} from './keys.ts';
import {blindSpotRow, suspectRow, tombstoneRow} from './rows.ts';

export const stateCodec = new Encoder({useRecords: false, tagUint8Array: false});

export type Block = {key: Buffer; bytes: Buffer};

/** Reads the tables in whatever transaction is current. */
export class LmdbTreeRead implements TreeRead {
  protected readonly db: Databases;
  readonly #cursor = new PackedCursor();

  constructor(db: Databases) {
    this.db = db;
  }

  seq(): number {
    return getNumber(this.db, 'seq') ?? 0;
  }

  entry(directory: DirectoryNumber, name: ByteString): Entry | undefined {
    const record = this.record(directory);
    const block = record && this.findBlock(record, name);
    if (!block) return undefined;
    const cursor = this.#cursor.reset(block.bytes);
    return cursor.seek(name) ? cursor.toEntry() : undefined;
  }

  directory(directory: DirectoryNumber): Readonly<DirectoryRecord> | undefined {
    return directory === aboveRoot ? undefined : this.record(directory);
  }

  *runs(directory: DirectoryNumber, from?: ByteString): Iterable<Uint8Array> {
    const record = this.record(directory);
    if (!record || record.blocks === 0) return;
    const first = this.findBlock(record, from ?? ('' as ByteString))!;
    yield first.bytes;
    if (record.blocks === 1) return;
    const range = this.db.blocks.getRange({start: first.key, end: behindDirectory(directory)});
    let isFirst = true;
    for (const {value} of range) {
      if (!isFirst) yield value;
      isFirst = false;
    }
  }

  tombstone(directory: DirectoryNumber, name: ByteString): Tombstone | undefined {
    const row = this.db.tombstones.get(nameKey(directory, name));
    return row && tombstoneRow.decode(row);
  }

  hasTombstones(directory: DirectoryNumber): boolean {
    const range = {start: directoryKey(directory), end: behindDirectory(directory), limit: 1};
    for (const _ of this.db.tombstones.getKeys(range)) return true;
    return false;
  }

  *tombstones(): Iterable<Tombstone & {directory: DirectoryNumber; name: ByteString}> {
    for (const {key, value} of this.db.tombstones.getRange({}))
      yield {...parseNameKey(key), ...tombstoneRow.decode(value)};
  }

  *suspects(until?: Hlc): Iterable<Suspect & {expiresAt: Hlc}> {
    const range = until === undefined ? {} : {end: behindExpiry(until)};
    for (const {key, value} of this.db.suspects.getRange(range))
      yield {...parseExpiryKey(key), ...suspectRow.decode(value)};
  }

  *blindSpots(): Iterable<{directory: DirectoryNumber; name: ByteString; change: BlindSpotChange; foundAt: Hlc}> {
    for (const {key, value} of this.db.blindSpots.getRange({}))
      yield {...parseNameKey(key), ...blindSpotRow.decode(value)};
  }

  state<T>(name: string): T | undefined {
    const row = this.db.states.get(Buffer.from(name));
    return row && (stateCodec.decode(row) as T);
  }

  *states<T>(prefix: string): Iterable<{name: string; value: T}> {
    const start = Buffer.from(prefix);
    for (const {key, value} of this.db.states.getRange({start})) {
      const name = key.toString();
      if (!name.startsWith(prefix)) return;
      yield {name, value: stateCodec.decode(value) as T};
    }
  }

  protected record(directory: DirectoryNumber): StoredDirectory | undefined {
    const bytes = this.db.directories.get(directoryKey(directory));
    return bytes && decodeDirectory(directory, bytes);
  }

  /** The block that a name is in or would be put in; undefined only when the directory has no blocks. */
  protected findBlock({number, blocks}: StoredDirectory, name: ByteString): Block | undefined {
    if (blocks === 0) return undefined;
    if (blocks === 1 || name === '') {
      const key = directoryKey(number);
      return {key, bytes: this.db.blocks.get(key)!};
    }
    for (const {key, value} of this.db.blocks.getRange({start: nameKey(number, name), reverse: true, limit: 1})) {
      if (key.readUIntBE(0, numberBytes) === number) return {key, bytes: value};
    }
    throw new Error(`Directory ${number} has ${blocks} blocks, but none for ${JSON.stringify(name)}.`);
  }
}
