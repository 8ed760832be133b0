import type {ByteString} from '../../core/entry/byte-string.ts';
import {type Attributes, kinds, newEntryFrom} from '../../core/entry/entry.ts';
import {packRun} from '../../core/entry/packed.ts';
import {isBelow, joinPath, type Path, pathNames, rootPath, splitPath} from '../../core/entry/path.ts';
import type {FsEvent, ListingEvent, ScanSource} from '../../core/protocol/events.ts';
import type {Hlc} from '../../core/time/hlc.ts';
import {old} from './view.ts';

export const operations = [
  'write',
  'rewrite',
  'remove',
  'mkdir',
  'mkdir',
  'rename',
  'rename',
  'rename',
  'relist',
  'forget-rename',
  'save',
] as const;
/**
 * `some` chooses one of what exists, modulo how many there are; `where` one of the directories, in which the change puts something
 * called `name`.
 */
export type Operation = {operation: (typeof operations)[number]; some: number; where: number; name: string};

/** A storage in memory, and what a watcher that looks at every change at once tells of it, as the file system source would. */
export class ChangingStorage {
  readonly entries = new Map<Path, Attributes>([[rootPath, attributesOf('directory', 0)]]);
  readonly #evidence: Hlc;
  readonly #depthMax: number;
  #now = 0;

  /** `evidence`: the newest value of the view's clock that the watcher hears of. */
  constructor(evidence: Hlc, depthMax = 3) {
    this.#evidence = evidence;
    this.#depthMax = depthMax;
  }

  /** The watcher's clock, in milliseconds. */
  get now(): number {
    return this.#now;
  }

  /** Does it, where the storage lets it be done, and returns what is told. */
  do({operation, some, where, name}: Operation): FsEvent[] {
    this.#now++;
    const existing = [...this.entries.keys()][some % this.entries.size]!;
    const directories = this.#directories(rootPath).filter(path => pathNames(path).length < this.#depthMax);
    const directory = directories[where % directories.length]!;
    const target = joinPath(directory, name as ByteString);
    switch (operation) {
      case 'write':
        return this.#write(target);
      case 'rewrite':
        return this.#write(existing);
      case 'remove':
        return this.#remove(existing);
      case 'mkdir':
        return this.#mkdir(target);
      case 'rename':
        return this.#rename(existing, target, true);
      case 'forget-rename':
        return this.#rename(existing, target, false);
      case 'relist':
        return [this.listing(directory, 'snapshot', this.#evidence)];
      case 'save': {
        const temporary = joinPath(directory, 'tmp' as ByteString);
        return [...this.#write(temporary), ...this.#rename(temporary, target, true)];
      }
      default:
        return operation satisfies never;
    }
  }

  listing(path: Path, source: ScanSource, evidence: Hlc): ListingEvent {
    const names = [...this.entries].filter(([at]) => at !== rootPath && splitPath(at).parent === path);
    const entries = names
      .map(([at, attributes]) => newEntryFrom(splitPath(at).name, attributes))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const self = this.entries.get(path)!;
    return {
      kind: 'listing',
      source,
      path,
      self,
      evidence,
      after: undefined,
      until: undefined,
      entries: packRun(entries),
    };
  }

  /** The listings of everything at or below a path, directories before what is in them. */
  listings(path: Path, evidence: Hlc): ListingEvent[] {
    return this.#directories(path).map(at => this.listing(at, 'on_demand', evidence));
  }

  #write(path: Path): FsEvent[] {
    if (!this.#canStandAt(path) || this.#isDirectory(path)) return [];
    this.entries.set(path, attributesOf('file', this.#now));
    return [this.#upsert(path), ...this.#touch(path)];
  }

  #mkdir(path: Path): FsEvent[] {
    if (!this.#canStandAt(path) || this.entries.has(path)) return [];
    this.entries.set(path, attributesOf('directory', this.#now));
    return [this.#upsert(path), this.listing(path, 'snapshot', this.#evidence), ...this.#touch(path)];
  }

  #remove(path: Path): FsEvent[] {
    if (path === rootPath || !this.entries.has(path)) return [];
    for (const at of this.entries.keys()) if (at === path || isBelow(at, path)) this.entries.delete(at);
    return [this.#delete(path), ...this.#touch(path)];
  }

  /** `isTold`: as a rename; else as a removal and something new. */
  #rename(from: Path, to: Path, isTold: boolean): FsEvent[] {
    const moved = this.entries.get(from);
    if (!moved || from === rootPath || from === to || isBelow(to, from) || isBelow(from, to)) return [];
    if (!this.#canStandAt(to)) return [];
    const target = this.entries.get(to);
    if (target && this.#isDirectory(from) !== this.#isDirectory(to)) return [];
    if ([...this.entries.keys()].some(at => isBelow(at, to))) return []; // a directory that is not empty
    const subtree = [...this.entries].filter(([at]) => at === from || isBelow(at, from));
    for (const [at] of subtree) this.entries.delete(at);
    for (const [at, attributes] of subtree) this.entries.set((to + at.slice(from.length)) as Path, attributes);
    this.entries.set(to, {...moved, ctime: attributesOf('file', this.#now).ctime});
    const touched = [...this.#touch(from), ...this.#touch(to)];
    if (isTold) return [{kind: 'move', from, to, observedAt: this.#now}, this.#upsert(to), ...touched];
    const isDirectory = this.#isDirectory(to);
    return [
      this.#delete(from),
      ...(isDirectory && target ? [this.#delete(to)] : []),
      this.#upsert(to),
      ...this.#directories(to).map(at => this.listing(at, 'snapshot', this.#evidence)),
      ...touched,
    ];
  }

  #touch(path: Path): FsEvent[] {
    const {parent} = splitPath(path);
    const attributes = this.entries.get(parent)!;
    this.entries.set(parent, {...attributes, ctime: attributesOf('directory', this.#now).ctime});
    return this.#now % 2 === 0 ? [this.#upsert(parent)] : [];
  }

  #canStandAt(path: Path): boolean {
    return path !== rootPath && this.#isDirectory(splitPath(path).parent);
  }

  #isDirectory(path: Path): boolean {
    return this.entries.get(path)?.kind === kinds.directory;
  }

  #directories(path: Path): Path[] {
    return [...this.entries.keys()]
      .filter(at => (at === path || isBelow(at, path)) && this.#isDirectory(at))
      .sort((a, b) => a.length - b.length);
  }

  #upsert(path: Path): FsEvent {
    const attributes = this.entries.get(path)!;
    return {kind: 'upsert', path, attributes, isAtomic: this.#now % 3 > 0, observedAt: this.#now};
  }

  #delete(path: Path): FsEvent {
    return {kind: 'delete', path, observedAt: this.#now};
  }
}

function attributesOf(kind: 'file' | 'directory', now: number): Attributes {
  const time = {seconds: old + now, nanos: 0};
  return {kind: kinds[kind], size: kind === 'file' ? now : 0, mtime: time, ctime: time};
}
