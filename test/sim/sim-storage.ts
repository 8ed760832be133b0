import {type ByteString, compareBytes} from '../../core/entry/byte-string.ts';
import {type Attributes, kinds} from '../../core/entry/entry.ts';
import {isBelow, joinPath, type Path, pathNames, rootPath, splitPath} from '../../core/entry/path.ts';

/** A file or directory. Its size is the number of its last change: so whoever tells of it says which version was seen. */
export type Inode = {
  number: number;
  kind: typeof kinds.file | typeof kinds.directory;
  version: number;
  ctimeMs: number;
  children: Map<ByteString, Inode>;
};

/** Since when something is at a path without a break. */
export type Residence = {
  inode: Inode;
  /** Versions from this one on were made while it was there. */
  sinceVersion: number;
  /** A directory above it was renamed, which changes no version of what is below. */
  isCarried: boolean;
};

/** The plain truth: a tree of inodes, and a record of what was where since when. */
export class SimStorage {
  readonly root: Inode;
  readonly #nowMs: () => number;
  readonly #wallMs: () => number;
  readonly #residences = new Map<Path, Residence>();
  readonly #goneSince = new Map<Path, number>();
  readonly #ownerOfVersion = new Map<number, Inode>();
  #lastInode = 0;
  #lastVersion = 0;

  /** `wallMs` is the server's clock, in steps of 4 ms as on real servers; `nowMs` true time. */
  constructor(nowMs: () => number, wallMs: () => number) {
    this.#nowMs = nowMs;
    this.#wallMs = wallMs;
    this.root = this.#newInode(kinds.directory);
    this.#settle(rootPath, this.root, false);
  }

  at(path: Path): Inode | undefined {
    let inode: Inode | undefined = this.root;
    for (const name of pathNames(path)) inode = inode?.children.get(name);
    return inode;
  }

  residence(path: Path): Residence | undefined {
    return this.#residences.get(path);
  }

  /** When a path became empty; undefined when something is there or never was. */
  goneSince(path: Path): number | undefined {
    return this.#goneSince.get(path);
  }

  ownerOfVersion(version: number): Inode | undefined {
    return this.#ownerOfVersion.get(version);
  }

  paths(): Map<Path, Inode> {
    const found = new Map<Path, Inode>();
    const walk = (path: Path, inode: Inode) => {
      found.set(path, inode);
      for (const [name, child] of [...inode.children].sort(([a], [b]) => compareBytes(a, b))) {
        walk(joinPath(path, name), child);
      }
    };
    walk(rootPath, this.root);
    return found;
  }

  /** False when there is something or the parent is missing. */
  make(path: Path, kind: Inode['kind']): boolean {
    const {parent, name} = this.#place(path);
    if (!parent || parent.children.has(name)) return false;
    const inode = this.#newInode(kind);
    parent.children.set(name, inode);
    this.#touch(parent);
    this.#settle(path, inode, false);
    return true;
  }

  change(path: Path): boolean {
    const inode = this.at(path);
    if (inode?.kind !== kinds.file) return false;
    this.#touch(inode);
    return true;
  }

  remove(path: Path): boolean {
    const {parent, name} = this.#place(path);
    const inode = parent?.children.get(name);
    if (!parent || !inode) return false;
    parent.children.delete(name);
    this.#touch(parent);
    this.#leave(path, inode);
    return true;
  }

  /** As rename(2): what stands there is replaced, a directory only by one that is empty. */
  move(from: Path, to: Path): boolean {
    const source = this.#place(from);
    const target = this.#place(to);
    const inode = source.parent?.children.get(source.name);
    if (!inode || !target.parent || from === to || isBelow(to, from) || isBelow(from, to)) return false;
    const replaced = target.parent.children.get(target.name);
    if (replaced && (replaced.kind !== inode.kind || replaced.children.size > 0)) return false;
    source.parent!.children.delete(source.name);
    this.#leave(from, inode);
    target.parent.children.set(target.name, inode);
    this.#touch(source.parent!);
    this.#touch(target.parent);
    this.#touch(inode);
    this.#settle(to, inode, false);
    return true;
  }

  attributes(inode: Inode): Attributes {
    const ms = Math.floor(inode.ctimeMs / 4) * 4;
    const time = {seconds: Math.floor(ms / 1000), nanos: (((ms % 1000) + 1000) % 1000) * 1_000_000};
    return {kind: inode.kind, size: inode.version, mtime: time, ctime: time};
  }

  #place(path: Path): {parent: Inode | undefined; name: ByteString} {
    if (path === rootPath) return {parent: undefined, name: '' as ByteString};
    const {parent, name} = splitPath(path);
    const inode = this.at(parent);
    return {parent: inode?.kind === kinds.directory ? inode : undefined, name};
  }

  #newInode(kind: Inode['kind']): Inode {
    const inode: Inode = {number: ++this.#lastInode, kind, version: 0, ctimeMs: 0, children: new Map()};
    this.#touch(inode);
    return inode;
  }

  #touch(inode: Inode): void {
    inode.version = ++this.#lastVersion;
    inode.ctimeMs = this.#wallMs();
    this.#ownerOfVersion.set(inode.version, inode);
  }

  #settle(path: Path, inode: Inode, isCarried: boolean): void {
    this.#residences.set(path, {inode, sinceVersion: inode.version, isCarried});
    this.#goneSince.delete(path);
    for (const [name, child] of inode.children) this.#settle(joinPath(path, name), child, true);
  }

  #leave(path: Path, inode: Inode): void {
    this.#residences.delete(path);
    this.#goneSince.set(path, this.#nowMs());
    for (const [name, child] of inode.children) this.#leave(joinPath(path, name), child);
  }
}
