import {createHash} from 'node:crypto';
import {readdirSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {Encoder} from 'cbor-x';
import {open, type RootDatabase} from 'lmdb';
import {fromBytes, toBytes} from '../core/entry/byte-string.ts';
import {isBelow, type Path, rootPath, splitPath} from '../core/entry/path.ts';
import {FustorError} from '../core/errors/fustor-error.ts';
import {type Key, type Mention, mentionKinds, mentionsOf, type Spool, type SpoolRows} from '../core/pipe/spool.ts';
import type {FsEvent} from '../core/protocol/events.ts';
import {rowsOf, type Table} from './databases.ts';
import {prepareLocalDirectory} from './local-disk.ts';
import {storeError} from './store-error.ts';

/**
 * A spool on LMDB. Nothing in it is worth a flush to the disk: a pipe that starts anew begins with an empty one. What an
 * earlier process left in the directory is deleted, and the file is made when the first event has no room in memory.
 * Throws DATA_DIR_UNUSABLE.
 */
export function openSpool(directory: string, {bytesMax}: {bytesMax: number}): Spool {
  prepareLocalDirectory(directory);
  for (const name of readdirSync(directory)) if (fileName.test(name)) rmSync(join(directory, name), {force: true});
  return new LmdbSpool(directory, bytesMax);
}

const fileName = /^events-\d+-\d+\.mdb(-lock)?$/;

/**
 * - `events`: place (u48) → CBOR.
 * - `mentions`: key → the places (u48) and kinds (u8) of the events that speak of it. A key longer than `keyBytesMax` is cut
 *   off and ends with a hash, and its value begins with its length (u16) and itself.
 */
type Tables = {root: RootDatabase<Buffer, Buffer>; path: string; events: Table; mentions: Table};

const binary = {encoding: 'binary', keyEncoding: 'binary'} as const;
/** LMDB takes 1,978. */
const keyBytesMax = 1_800;
const placeBytes = 6;
const mentionBytes = placeBytes + 1;
/** What a row takes besides what is counted of its key and value, about. */
const rowBytes = 32;

class LmdbSpool implements Spool {
  readonly #directory: string;
  readonly #bytesMax: number;
  #tables: Tables | undefined;
  #rows: LmdbRows | undefined;
  #files = 0;

  constructor(directory: string, bytesMax: number) {
    this.#directory = directory;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#rows?.count ?? 0;
  }

  get bytes(): number {
    return this.#rows?.bytes ?? 0;
  }

  change<T>(body: (rows: SpoolRows) => T): T {
    try {
      const {root, path} = this.#open();
      const rows = this.#rows!;
      const result = root.transactionSync(() => body(rows));
      root.resetReadTxn();
      const bytes = Math.max(rows.bytes, statSync(path).size);
      if (bytes <= this.#bytesMax) return result;
      throw new FustorError(
        'STORE_FULL',
        `${this.#directory} holds ${bytes} bytes, and spool_max is ${this.#bytesMax}.`,
      );
    } catch (error) {
      throw storeError(error, this.#directory) ?? error;
    }
  }

  directory(): Path | undefined {
    const {mentions, root} = this.#tables ?? {};
    if (!mentions || !root) return undefined;
    try {
      root.resetReadTxn();
      const range = {start: Buffer.from('/'), end: Buffer.from('0')};
      const [first] = mentions.getKeys({...range, limit: 1});
      const [last] = mentions.getKeys({start: range.end, end: range.start, reverse: true, limit: 1});
      if (!first || !last) return undefined;
      const path = fromBytes(first) as Path;
      const isGap = mentionsOfRow(first, mentions.get(first)!).mentions.every(({kind}) => kind === 'gap');
      return commonDirectory(isGap ? path : splitPath(path).parent, fromBytes(last) as Path);
    } catch {
      return rootPath;
    }
  }

  clear(): void {
    const tables = this.#tables;
    this.#tables = undefined;
    this.#rows = undefined;
    if (!tables) return;
    for (const path of [tables.path, `${tables.path}-lock`]) rmSync(path, {force: true});
    tables.root.close().catch(() => {}); // its files are gone already
  }

  close(): void {
    this.clear();
  }

  /** Each under a name of its own: the one before may still be being closed. */
  #open(): Tables {
    if (this.#tables) return this.#tables;
    const path = join(this.#directory, `events-${process.pid}-${++this.#files}.mdb`);
    const root = open<Buffer, Buffer>({path, noSubdir: true, maxDbs: 2, noSync: true, ...binary});
    const events = root.openDB<Buffer, Buffer>('events', binary);
    const mentions = root.openDB<Buffer, Buffer>('mentions', binary);
    this.#tables = {root, path, events, mentions};
    this.#rows = new LmdbRows(this.#tables);
    return this.#tables;
  }
}

class LmdbRows implements SpoolRows {
  readonly #tables: Tables;
  /** The names of the fields are kept here, once: what is in the file is read by nobody else. */
  readonly #cbor = new Encoder({useRecords: true, structures: [], tagUint8Array: false});
  #nextPlace = 1;
  count = 0;
  bytes = 0;
  renames = 0;
  gaps = 0;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  append(event: FsEvent): void {
    this.#put(this.#nextPlace++, event);
  }

  replace(place: number, event: FsEvent): void {
    this.remove(place);
    this.#put(place, event);
  }

  remove(place: number): void {
    const {events} = this.#tables;
    const key = placeKey(place);
    const value = events.get(key)!;
    void events.remove(key);
    this.count--;
    this.bytes -= value.byteLength + rowBytes;
    const event = this.#cbor.decode(value) as FsEvent;
    for (const {key: of, kind} of mentionsOf(event)) {
      this.bytes -= of.length + rowBytes;
      this.#setMentions(
        of,
        this.at(of).filter(mention => mention.place !== place || mention.kind !== kind),
      );
      if (kind === 'to') this.renames--;
      if (kind === 'gap') this.gaps--;
    }
  }

  read(place: number): FsEvent {
    return this.#cbor.decode(this.#tables.events.get(placeKey(place))!) as FsEvent;
  }

  first({eventsMax, bytesMax}: {eventsMax: number; bytesMax: number}): {place: number; event: FsEvent}[] {
    const found: {place: number; event: FsEvent}[] = [];
    let bytes = 0;
    for (const {key, value} of rowsOf(this.#tables.events, {})) {
      bytes += value.byteLength;
      if (found.length > 0 && (found.length >= eventsMax || bytes > bytesMax)) break;
      found.push({place: key.readUIntBE(0, placeBytes), event: this.#cbor.decode(value) as FsEvent});
    }
    return found;
  }

  at(key: Key): readonly Mention[] {
    const value = this.#tables.mentions.get(mentionKey(key));
    return value ? mentionsIn(value, key.length) : [];
  }

  below(path: Path): Iterable<{path: Path; mentions: readonly Mention[]}> | undefined {
    return path.length < keyBytesMax - 1 ? this.#below(path) : undefined;
  }

  *#below(path: Path): Iterable<{path: Path; mentions: readonly Mention[]}> {
    const top = path === rootPath ? '' : path;
    const range = {start: Buffer.from(`${top}/`, 'latin1'), end: Buffer.from(`${top}0`, 'latin1')};
    for (const {key, value} of rowsOf(this.#tables.mentions, range)) {
      if (path === rootPath && key.byteLength === 1) continue;
      yield mentionsOfRow(key, value);
    }
  }

  #put(place: number, event: FsEvent): void {
    const value = this.#cbor.encode(event);
    void this.#tables.events.put(placeKey(place), value);
    this.count++;
    this.bytes += value.byteLength + rowBytes;
    for (const {key, kind} of mentionsOf(event)) {
      this.bytes += key.length + rowBytes;
      this.#setMentions(
        key,
        [...this.at(key), {place, kind}].sort((a, b) => a.place - b.place),
      );
      if (kind === 'to') this.renames++;
      if (kind === 'gap') this.gaps++;
    }
  }

  #setMentions(of: Key, mentions: readonly Mention[]): void {
    const {mentions: table} = this.#tables;
    const key = mentionKey(of);
    if (mentions.length === 0) void table.remove(key);
    else void table.put(key, mentionsValue(of, mentions));
  }
}

function placeKey(place: number): Buffer {
  const key = Buffer.allocUnsafe(placeBytes);
  key.writeUIntBE(place, 0, placeBytes);
  return key;
}

function mentionKey(key: Key): Buffer {
  const bytes = toBytes(key as Path);
  if (bytes.byteLength <= keyBytesMax) return bytes;
  return Buffer.concat([bytes.subarray(0, keyBytesMax), createHash('sha1').update(bytes).digest()]);
}

function mentionsValue(key: Key, mentions: readonly Mention[]): Buffer {
  const prefix = key.length > keyBytesMax ? 2 + key.length : 0;
  const value = Buffer.allocUnsafe(prefix + mentions.length * mentionBytes);
  if (prefix > 0) {
    value.writeUInt16BE(key.length, 0);
    toBytes(key as Path).copy(value, 2);
  }
  for (const [index, {place, kind}] of mentions.entries()) {
    const at = prefix + index * mentionBytes;
    value.writeUIntBE(place, at, placeBytes);
    value.writeUInt8(mentionKinds.indexOf(kind), at + placeBytes);
  }
  return value;
}

function mentionsOfRow(key: Buffer, value: Buffer): {path: Path; mentions: Mention[]} {
  const isCut = key.byteLength > keyBytesMax;
  const length = isCut ? value.readUInt16BE(0) : key.byteLength;
  return {path: fromBytes(isCut ? value.subarray(2, 2 + length) : key) as Path, mentions: mentionsIn(value, length)};
}

function mentionsIn(value: Buffer, keyLength: number): Mention[] {
  const mentions: Mention[] = [];
  for (let at = keyLength > keyBytesMax ? 2 + keyLength : 0; at < value.byteLength; at += mentionBytes) {
    mentions.push({
      place: value.readUIntBE(at, placeBytes),
      kind: mentionKinds[value.readUInt8(at + placeBytes)]!,
    });
  }
  return mentions;
}

/** Between two paths in byte order are only paths that begin with what both begin with. */
function commonDirectory(directory: Path, last: Path): Path {
  let common = directory;
  while (common !== rootPath && last !== common && !isBelow(last, common)) common = splitPath(common).parent;
  return common;
}
