import type {ByteString} from '../../core/entry/byte-string.ts';
import {type Attributes, type Entry, kinds, newEntryFrom} from '../../core/entry/entry.ts';
import {joinPath, type Path, rootPath, splitPath} from '../../core/entry/path.ts';
import type {Prng} from '../lib/prng.ts';
import type {Inode, SimStorage} from './sim-storage.ts';

/** What a watcher on this client hears: only what is done through this client. */
export type ClientEvent =
  | {kind: 'changed' | 'closed'; path: Path; isNew: boolean}
  | {kind: 'removed'; path: Path}
  | {kind: 'moved'; path: Path; to: Path};

type CachedDirectory = {
  inode: Inode;
  fetchedAt: number;
  names: Map<ByteString, {inode: Inode; attributes: Attributes}>;
};

/**
 * One mount of the storage, with a cache of names and attributes as an NFS client has: what others did may be missing for up
 * to `cacheMs`, what was done through this client never is.
 */
export class SimClient {
  readonly storage: SimStorage;
  readonly #random: Prng;
  readonly #nowMs: () => number;
  readonly #cacheMs: number;
  readonly #cache = new Map<number, CachedDirectory>();
  onEvent: (event: ClientEvent) => void = () => {};

  constructor(storage: SimStorage, parts: {random: Prng; nowMs: () => number; cacheMs: number}) {
    this.storage = storage;
    this.#random = parts.random;
    this.#nowMs = parts.nowMs;
    this.#cacheMs = parts.cacheMs;
  }

  make(path: Path, kind: Inode['kind'], isClosed: boolean): void {
    if (!this.storage.make(path, kind)) return;
    this.#forget(path);
    this.onEvent({kind: isClosed ? 'closed' : 'changed', path, isNew: true});
  }

  change(path: Path, isClosed: boolean): void {
    if (!this.storage.change(path)) return;
    this.#forget(path);
    this.onEvent({kind: isClosed ? 'closed' : 'changed', path, isNew: false});
  }

  /** As `rm -r`: from the leaves up, and each removal is heard. */
  remove(path: Path): void {
    const inode = this.storage.at(path);
    if (!inode) return;
    for (const name of [...inode.children.keys()]) this.remove(joinPath(path, name));
    if (!this.storage.remove(path)) return;
    this.#forget(path);
    this.onEvent({kind: 'removed', path});
  }

  move(from: Path, to: Path): void {
    if (!this.storage.move(from, to)) return;
    this.#forget(from);
    this.#forget(to);
    this.onEvent({kind: 'moved', path: from, to});
  }

  /** The entries of a directory, perhaps as they were some time ago; undefined when it is gone or no directory. */
  list(path: Path): {self: Attributes; entries: Entry[]} | undefined {
    const directory = this.storage.at(path);
    if (directory?.kind !== kinds.directory) return undefined;
    const {names} = this.#fetched(directory);
    const entries = [...names].map(([name, {attributes}]) => newEntryFrom(name, attributes));
    return {self: this.storage.attributes(directory), entries: entries.sort((a, b) => (a.name < b.name ? -1 : 1))};
  }

  /** Attributes are fresh, whether the name is there may come from the cache of names. */
  look(path: Path): Attributes | undefined {
    if (path === rootPath) return this.storage.attributes(this.storage.root);
    const {parent, name} = splitPath(path);
    const directory = this.storage.at(parent);
    if (directory?.kind !== kinds.directory) return undefined;
    const inode = this.#fetched(directory).names.get(name)?.inode;
    if (!inode) return undefined;
    const isAlive = [...this.storage.paths().values()].includes(inode);
    if (!isAlive) this.#cache.delete(directory.number); // what the client itself saw gone does not come back
    const found = isAlive ? inode : directory.children.get(name);
    return found && this.storage.attributes(found);
  }

  #fetched(directory: Inode): CachedDirectory {
    const cached = this.#cache.get(directory.number);
    const ageMs = cached ? this.#nowMs() - cached.fetchedAt : Number.POSITIVE_INFINITY;
    // An entry may live for as long as the cache says, and may be dropped earlier at any time.
    if (cached && ageMs < this.#cacheMs && this.#random.below(4) !== 0) return cached;
    const names = new Map(
      [...directory.children].map(
        ([name, inode]) => [name, {inode, attributes: this.storage.attributes(inode)}] as const,
      ),
    );
    const fetched = {inode: directory, fetchedAt: this.#nowMs(), names};
    this.#cache.set(directory.number, fetched);
    return fetched;
  }

  /** Who does something at a path has looked at every directory on the way. */
  #forget(path: Path): void {
    for (let at = splitPath(path).parent; ; at = splitPath(at).parent) {
      const inode = this.storage.at(at);
      if (inode) this.#cache.delete(inode.number);
      if (at === rootPath) return;
    }
  }
}
