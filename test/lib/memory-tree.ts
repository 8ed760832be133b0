import {type ByteString, compareBytes} from '../../core/entry/byte-string.ts';
import {compareTimes, type DirectoryNumber, type Entry, kinds, newEntryFrom, zeroTime} from '../../core/entry/entry.ts';
import {newEntry, PackedCursor, packRun} from '../../core/entry/packed.ts';
import {joinPath, type Path, rootPath} from '../../core/entry/path.ts';
import type {Hlc} from '../../core/time/hlc.ts';
import type {ChangeName, LoggedChange} from '../../core/tree/changes.ts';
import {
  aboveRoot,
  type BlindSpotChange,
  type Decide,
  type DirectoryRecord,
  type NameRange,
  rootDirectory,
  rootName,
  type Marks as StoreMarks,
  type Suspect,
  type SuspectPlace,
  type Tombstone,
  type Totals,
  type TreeRead,
  type TreeStore,
  type TreeWrite,
  verdicts,
} from '../../core/tree/tree-store.ts';
import {UndoLog} from './undo-log.ts';

/**
 * A view's tree as plain maps: the model that the real store is compared with, and a store for tests that are about
 * something else. Slow where that keeps it plain: totals are counted when somebody asks.
 */
export function openMemoryTree(storeId = 'memory'): TreeStore {
  return new MemoryTree(storeId);
}

type Marks = StoreMarks & Pick<Totals, 'version'>;
type Node = Omit<DirectoryRecord, 'totals'> & {entries: Map<ByteString, Entry>; marks: Marks};
type Row<T> = T & {directory: DirectoryNumber; name: ByteString};
type BlindSpot = {change: BlindSpotChange; foundAt: Hlc};

/** So small that tests see directories of several runs. */
const entriesPerRun = 5;

class MemoryTree implements TreeStore {
  readonly #tree: MemoryTransaction;
  #isClosed = false;

  constructor(storeId: string) {
    this.#tree = new MemoryTransaction(storeId);
  }

  read<T>(body: (txn: TreeRead) => T): T {
    return body(this.#tree);
  }

  async write<T>(body: (txn: TreeWrite) => T): Promise<T> {
    await undefined; // a body never runs within its caller's turn
    if (this.#isClosed) throw new Error('The store is closed.');
    this.#tree.writes++;
    return this.#tree.undo.around(() => body(this.#tree));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}

class MemoryTransaction implements TreeWrite {
  readonly undo = new UndoLog();
  writes = 0;
  readonly #numbers = new Map([
    ['seq', 0],
    ['version', 1],
    ['nextDirectory', rootDirectory + 1],
  ]);
  readonly #nodes = new Map<DirectoryNumber, Node>();
  readonly #orphans = new Map<DirectoryNumber, true>();
  readonly #tombstones = new Map<string, Row<Tombstone>>();
  readonly #suspects = new Map<string, Suspect & {expiresAt: Hlc}>();
  readonly #blindSpots = new Map<string, Row<BlindSpot>>();
  readonly #states = new Map<string, string>();
  readonly #changes = new Map<number, LoggedChange>();

  readonly #storeId: string;

  constructor(storeId: string) {
    this.#storeId = storeId;
    this.#nodes.set(aboveRoot, newNode(aboveRoot, aboveRoot, rootName));
    this.#nodes.set(rootDirectory, newNode(rootDirectory, aboveRoot, rootName));
    const attributes = {kind: kinds.directory, size: 0, mtime: zeroTime, ctime: zeroTime};
    const root = {...newEntryFrom(rootName, attributes), hasAttributes: false, directory: rootDirectory};
    this.#nodes.get(aboveRoot)!.entries.set(rootName, root);
  }

  // ── Reading

  storeId(): string {
    return this.#storeId;
  }

  snapshotId(): string {
    return String(this.writes);
  }

  seq(): number {
    return this.#numbers.get('seq')!;
  }

  changesFrom(): number {
    return 0;
  }

  changes(since: number): Iterable<LoggedChange> {
    return [...this.#changes.values()].filter(({seq}) => seq > since);
  }

  childDirectory(directory: DirectoryNumber, name: ByteString): DirectoryNumber {
    return this.entry(directory, name)?.directory ?? 0;
  }

  entry(directory: DirectoryNumber, name: ByteString): Entry | undefined {
    const entry = this.#nodes.get(directory)?.entries.get(name);
    return entry && {...entry};
  }

  directory(directory: DirectoryNumber): Readonly<DirectoryRecord> | undefined {
    const node = directory === aboveRoot ? undefined : this.#nodes.get(directory);
    if (!node) return undefined;
    const {number, parent, name, listedAt, unreadable, partial, ownVersion} = node;
    const count = () => this.#count(node);
    return {
      number,
      parent,
      name,
      listedAt,
      unreadable,
      partial,
      ownVersion,
      get totals() {
        return count();
      },
    };
  }

  *runs(directory: DirectoryNumber, from?: ByteString): Iterable<Uint8Array> {
    const entries = this.#sorted(directory);
    const isBehind = (at: number) => from !== undefined && entries[at] !== undefined && entries[at].name <= from;
    for (let at = 0; at < entries.length; at += entriesPerRun) {
      if (!isBehind(at + entriesPerRun)) yield packRun(entries.slice(at, at + entriesPerRun));
    }
  }

  *allRuns(from?: AtPlace): Iterable<{directory: DirectoryNumber; run: Uint8Array}> {
    for (const directory of [...this.#nodes.keys()].sort((a, b) => a - b)) {
      if (from && directory < from.directory) continue;
      for (const run of this.runs(directory, directory === from?.directory ? from.name : undefined))
        yield {directory, run};
    }
  }

  tombstone(directory: DirectoryNumber, name: ByteString): Tombstone | undefined {
    const row = this.#tombstones.get(place(directory, name));
    return row && {deletedAt: row.deletedAt, storageTime: row.storageTime, agent: row.agent};
  }

  hasTombstones(directory: DirectoryNumber): boolean {
    return [...this.#tombstones.values()].some(row => row.directory === directory);
  }

  tombstones(after?: {directory: DirectoryNumber; name: ByteString}): Iterable<Row<Tombstone>> {
    const all = [...this.#tombstones.values()].sort(byPlace);
    return after ? all.filter(row => byPlace(after, row) < 0) : all;
  }

  suspects(until = Number.POSITIVE_INFINITY, after?: SuspectPlace): Iterable<Suspect & {expiresAt: Hlc}> {
    const order = (a: SuspectPlace, b: SuspectPlace) => a.expiresAt - b.expiresAt || byPlace(a, b);
    return [...this.#suspects.values()]
      .filter(row => row.expiresAt <= until && (!after || order(after, row) < 0))
      .sort(order);
  }

  blindSpots({of, after}: {of?: DirectoryNumber; after?: AtPlace | undefined} = {}): Iterable<Row<BlindSpot>> {
    return [...this.#blindSpots.values()]
      .filter(row => (of === undefined || row.directory === of) && (!after || byPlace(after, row) < 0))
      .sort(byPlace);
  }

  state<T>(name: string): T | undefined {
    const json = this.#states.get(name);
    return json === undefined ? undefined : (JSON.parse(json) as T);
  }

  states<T>(prefix: string): Iterable<{name: string; value: T}> {
    const names = [...this.#states.keys()].filter(name => name.startsWith(prefix)).sort();
    return names.map(name => ({name, value: this.state<T>(name)!}));
  }

  // ── Writing

  put(directory: DirectoryNumber, entry: Entry): Entry {
    return this.#put(directory, entry, undefined);
  }

  #put(directory: DirectoryNumber, entry: Entry, from: Path | undefined): Entry {
    const {entries} = this.#node(directory);
    const stored = entries.get(entry.name);
    const result = {...entry, directory: this.#numberFor(entry, stored, directory)};
    if (stored && isSame(stored, result)) return result;
    if (stored && stored.directory !== 0 && stored.directory !== result.directory) this.#drop(stored.directory);
    this.#write(directory, result);
    const isNew = stored?.kind !== result.kind || stored.directory !== result.directory;
    if (isNew || !isSame(shown(stored), shown(result)))
      this.#log(from !== undefined ? 'moved' : isNew ? 'created' : 'modified', directory, result, from);
    return {...result};
  }

  remove(directory: DirectoryNumber, name: ByteString): Entry | undefined {
    const entry = this.#nodes.get(directory)?.entries.get(name);
    if (!entry) return undefined;
    if (entry.directory !== 0) this.#drop(entry.directory);
    this.undo.delete(this.#nodes.get(directory)!.entries, name);
    this.#bump();
    this.#note(directory);
    this.#log('deleted', directory, entry);
    return {...entry};
  }

  merge(directory: DirectoryNumber, range: NameRange, listed: Uint8Array, agent: number, decide: Decide): void {
    const {after, until} = range;
    const {entries} = this.#node(directory);
    const found = new Map<ByteString, Entry>();
    for (const cursor = new PackedCursor(listed); !cursor.isAtEnd; cursor.next())
      found.set(cursor.name, cursor.toEntry());
    const isInside = (name: ByteString) =>
      (after === undefined || name > after) && (until === undefined || name <= until);
    if (![...found.keys()].every(isInside)) throw new Error('A listed name is outside the range of its listing.');
    const names = new Set([...entries.keys(), ...found.keys()].filter(isInside));
    for (const name of [...names].sort(compareBytes)) {
      const [stored, seen] = [entries.get(name), found.get(name)];
      const verdict = decide(stored && new PackedCursor(packRun([stored])), seen && new PackedCursor(packRun([seen])));
      const flags = {
        isSuspect: (verdict & verdicts.suspect) !== 0,
        isBlindSpot: (verdict & verdicts.blindSpot) !== 0,
      };
      const action = verdict & ~(verdicts.suspect | verdicts.blindSpot);
      if (action === verdicts.remove) this.remove(directory, name);
      if (action === verdicts.reflag && stored) this.put(directory, {...stored, ...flags});
      if (action === verdicts.take && seen) {
        const realtimeAt = stored?.realtimeAt ?? 0;
        this.put(directory, {...newEntry(seen), ...flags, agent, realtimeAt});
      }
    }
  }

  move(
    from: {directory: DirectoryNumber; name: ByteString},
    to: {directory: DirectoryNumber; name: ByteString},
    changes: Partial<Pick<Entry, 'realtimeAt' | 'agent' | 'isBlindSpot' | 'isSuspect'>>,
  ): Entry | undefined {
    const entry = this.entry(from.directory, from.name);
    if (!entry) return undefined;
    let origin: Path | undefined;
    if (place(from.directory, from.name) !== place(to.directory, to.name)) {
      origin = joinPath(this.#pathOf(from.directory)!, from.name);
      const replaced = this.entry(to.directory, to.name);
      if (entry.directory !== 0 && this.#isAtOrBelow(to.directory, entry.directory))
        throw new Error(`Directory ${entry.directory} cannot move below itself.`);
      if (replaced && replaced.directory !== 0 && this.#isAtOrBelow(from.directory, replaced.directory))
        throw new Error(`Directory ${replaced.directory} cannot be replaced by what is in it.`);
      this.remove(to.directory, to.name);
      this.undo.delete(this.#node(from.directory).entries, from.name);
      this.#note(from.directory);
      if (entry.directory !== 0) this.#change(entry.directory, {parent: to.directory, name: to.name});
    }
    return this.#put(to.directory, {...entry, ...changes, name: to.name}, origin);
  }

  setDirectory(
    directory: DirectoryNumber,
    changes: Partial<Pick<DirectoryRecord, 'listedAt' | 'unreadable' | 'partial'>>,
  ): void {
    const before = this.#node(directory);
    this.#change(directory, changes);
    const {listedAt, unreadable} = this.#node(directory);
    if ((before.listedAt === 0) === (listedAt === 0) && before.unreadable === unreadable) return;
    this.raise(directory, {version: this.#nextVersion()});
  }

  raise(directory: DirectoryNumber, marks: Partial<Marks>): void {
    for (let node = this.#nodes.get(directory); node; node = this.#nodes.get(node.parent)) {
      this.#change(node.number, {marks: higher(node.marks, {...noMarks, ...marks})});
      if (node.number === aboveRoot) return;
    }
  }

  putTombstone(directory: DirectoryNumber, name: ByteString, tombstone: Tombstone): void {
    this.undo.set(this.#tombstones, place(directory, name), {directory, name, ...tombstone});
  }

  removeTombstone(directory: DirectoryNumber, name: ByteString): void {
    this.undo.delete(this.#tombstones, place(directory, name));
  }

  putSuspect(expiresAt: Hlc, {directory, name, size, ctime}: Suspect): void {
    const row = {expiresAt, directory, name, size, ctime};
    this.undo.set(this.#suspects, `${expiresAt}/${place(directory, name)}`, row);
  }

  removeSuspect(expiresAt: Hlc, directory: DirectoryNumber, name: ByteString): void {
    this.undo.delete(this.#suspects, `${expiresAt}/${place(directory, name)}`);
  }

  putBlindSpot(directory: DirectoryNumber, name: ByteString, change: BlindSpotChange, foundAt: Hlc): void {
    this.undo.set(this.#blindSpots, place(directory, name), {directory, name, change, foundAt});
  }

  removeBlindSpot(directory: DirectoryNumber, name: ByteString): void {
    this.undo.delete(this.#blindSpots, place(directory, name));
  }

  putState(name: string, value: unknown): void {
    this.undo.set(this.#states, name, JSON.stringify(value));
  }

  removeState(name: string): void {
    this.undo.delete(this.#states, name);
  }

  collect(blocks: number): boolean {
    for (const orphan of [...this.#orphans.keys()].slice(0, blocks)) {
      this.undo.delete(this.#orphans, orphan);
      for (const table of [this.#tombstones, this.#blindSpots] as Map<string, Row<unknown>>[]) {
        for (const [key, {directory}] of [...table]) if (directory === orphan) this.undo.delete(table, key);
      }
    }
    return this.#orphans.size > 0;
  }

  // ── Helpers

  #node(directory: DirectoryNumber): Node {
    const node = this.#nodes.get(directory);
    if (!node) throw new Error(`There is no directory ${directory}.`);
    return node;
  }

  #change(directory: DirectoryNumber, changes: Partial<Node>): void {
    this.undo.set(this.#nodes, directory, {...this.#node(directory), ...changes});
  }

  #sorted(directory: DirectoryNumber): Entry[] {
    return [...(this.#nodes.get(directory)?.entries.values() ?? [])].sort((a, b) => compareBytes(a.name, b.name));
  }

  #bump(): void {
    this.undo.set(this.#numbers, 'seq', this.seq() + 1);
  }

  #nextVersion(): number {
    const version = this.#numbers.get('version')! + 1;
    this.undo.set(this.#numbers, 'version', version);
    return version;
  }

  /** Its entries changed. */
  #note(directory: DirectoryNumber): void {
    const version = this.#nextVersion();
    this.#change(directory, {ownVersion: version});
    this.raise(directory, {version});
  }

  #log(change: ChangeName, directory: DirectoryNumber, {name, kind}: Entry, from?: Path): void {
    const parent = this.#pathOf(directory);
    if (parent === undefined) return;
    const seq = this.seq();
    this.undo.set(this.#changes, seq, {seq, change, kind, path: joinPath(parent, name), from, directory, name});
  }

  #pathOf(directory: DirectoryNumber): Path | undefined {
    if (directory === aboveRoot || directory === rootDirectory) return rootPath;
    const node = this.#nodes.get(directory);
    const parent = node && this.#pathOf(node.parent);
    return parent && joinPath(parent, node.name);
  }

  #numberFor(entry: Entry, stored: Entry | undefined, parent: DirectoryNumber): DirectoryNumber {
    if (entry.kind !== kinds.directory) return 0;
    if (entry.directory !== 0) return this.#node(entry.directory).number;
    if (stored && stored.directory !== 0) return stored.directory;
    const number = this.#numbers.get('nextDirectory')!;
    this.undo.set(this.#numbers, 'nextDirectory', number + 1);
    this.undo.set(this.#nodes, number, newNode(number, parent, entry.name));
    return number;
  }

  #write(directory: DirectoryNumber, entry: Entry): void {
    this.undo.set(this.#node(directory).entries, entry.name, entry);
    const own = {...noMarks, newestChange: entry.ctime, newestRealtimeAt: entry.realtimeAt};
    const below = this.#nodes.get(entry.directory)?.marks ?? noMarks;
    this.raise(directory, entry.directory === 0 ? own : higher(own, below));
    this.#bump();
    this.#note(directory);
  }

  #drop(directory: DirectoryNumber): void {
    for (const entry of this.#node(directory).entries.values()) if (entry.directory !== 0) this.#drop(entry.directory);
    this.undo.delete(this.#nodes, directory);
    this.undo.set(this.#orphans, directory, true);
  }

  #isAtOrBelow(directory: DirectoryNumber, ancestor: DirectoryNumber): boolean {
    for (let at = directory; at !== aboveRoot; at = this.#node(at).parent) if (at === ancestor) return true;
    return false;
  }

  #count({entries, marks}: Node): Totals {
    const sums = {
      files: 0,
      directories: 0,
      others: 0,
      bytes: 0,
      unlisted: 0,
      unreadable: 0,
      suspects: 0,
      blindSpots: 0,
    };
    for (const {kind, size, isSuspect, isBlindSpot, directory} of entries.values()) {
      if (kind === kinds.file) {
        sums.files++;
        sums.bytes += size;
      } else if (kind === kinds.directory) sums.directories++;
      else sums.others++;
      if (isSuspect) sums.suspects++;
      if (isBlindSpot) sums.blindSpots++;
      if (directory === 0) continue;
      const node = this.#node(directory);
      if (node.unreadable !== 'EXDEV') {
        if (node.listedAt === 0) sums.unlisted++;
        if (node.unreadable !== undefined) sums.unreadable++;
      }
      const below = this.#count(node);
      for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += below[key];
    }
    return {...sums, ...marks};
  }
}

const noMarks: Marks = {newestChange: zeroTime, newestRealtimeAt: 0, newestFoundAt: 0, version: 0};

function higher(a: Marks, b: Marks): Marks {
  return {
    newestChange: compareTimes(a.newestChange, b.newestChange) >= 0 ? a.newestChange : b.newestChange,
    newestRealtimeAt: Math.max(a.newestRealtimeAt, b.newestRealtimeAt),
    newestFoundAt: Math.max(a.newestFoundAt, b.newestFoundAt),
    version: Math.max(a.version, b.version),
  };
}

function newNode(number: DirectoryNumber, parent: DirectoryNumber, name: ByteString): Node {
  const known = {listedAt: 0, unreadable: undefined, partial: undefined};
  return {number, parent, name, ...known, ownVersion: 0, entries: new Map(), marks: noMarks};
}

/** Without who spoke of it, and when. */
function shown(entry: Entry): Entry {
  return {...entry, realtimeAt: 0, agent: 0, isBlindSpot: false};
}

function isSame(a: Entry, b: Entry): boolean {
  return Buffer.from(packRun([a])).equals(packRun([b]));
}

function place(directory: DirectoryNumber, name: ByteString): string {
  return `${directory}/${name}`;
}

type AtPlace = {directory: DirectoryNumber; name: ByteString};

function byPlace(a: AtPlace, b: AtPlace): number {
  return a.directory - b.directory || compareBytes(a.name, b.name);
}
