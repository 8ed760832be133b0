import type {ByteString} from '../../core/entry/byte-string.ts';
import {joinPath, type Path, rootPath} from '../../core/entry/path.ts';

/** A directory that is known. It keeps its identity through renames; its path is asked for when it is needed. */
export type Node = {
  parent: Node | undefined;
  name: ByteString;
  /** Inode and device; empty when they could not be read. */
  identity: string;
  children: Map<ByteString, Node> | undefined;
  /** Whether it was read, or a reading is due. A `new` one, or one that lost its watch, is read when its name is looked at. */
  reading: 'new' | 'due' | 'done';
  /** -1 without a watch. */
  watch: number;
  /** When it, or where it hangs, last changed; see `WatchTree.version`. */
  changedAt: number;
  /** Names whose writer has not closed them; true when something was written. */
  writing: Map<ByteString, boolean> | undefined;
  /** Its times (`stampOf`) when it was last read completely and its listing was offered; 0 when it must be read again. */
  stamp: number;
  /** When that reading began, on the agent's monotonic clock. */
  readAt: number;
  /** Its newest change or event that we know of, in milliseconds of the storage's clock. Never goes back. */
  hotAt: number;
};

/**
 * The directories below the root, and which watch belongs to which. A rename re-links one node. A node that was taken out
 * has no parent, and neither it nor what is below it has a path.
 */
export class WatchTree {
  readonly root: Node;
  /** The file system of the root, as `StatxBuffer.device` has it. */
  readonly device: string;
  readonly #byWatch = new Map<number, Node>();
  /** Watches that were taken away to make room: their last events are still to come. */
  readonly #evicted = new Map<number, Node>();
  /** Grows with each change of structure. */
  version = 1;
  known = 1;

  constructor({identity, device}: {identity: string; device: string}) {
    this.device = device;
    this.root = newNode(undefined, '' as ByteString, identity, 0, Number.NEGATIVE_INFINITY);
  }

  get watched(): number {
    return this.#byWatch.size;
  }

  byWatch(watch: number): Node | undefined {
    return this.#byWatch.get(watch) ?? this.#evicted.get(watch);
  }

  nodesWatched(): Iterable<Node> {
    return this.#byWatch.values();
  }

  /** `hotAt` is its change time, as in `Node`. */
  add(parent: Node, {name, identity, hotAt}: Pick<Node, 'name' | 'identity' | 'hotAt'>): Node {
    const node = newNode(parent, name, identity, ++this.version, hotAt);
    parent.children ??= new Map();
    parent.children.set(name, node);
    this.known++;
    return node;
  }

  setWatch(node: Node, watch: number): void {
    if (watch === node.watch) return;
    if (node.watch !== -1 && this.#byWatch.get(node.watch) === node) this.#byWatch.delete(node.watch);
    const before = this.#byWatch.get(watch);
    if (before) {
      // The same directory under two names: it is being renamed. Which node holds is known by what comes next.
      before.watch = -1;
      before.reading = 'new';
    }
    node.watch = watch;
    if (watch !== -1) this.#byWatch.set(watch, node);
  }

  /** Takes its watch away from a directory that stays known. Returns the watch. */
  evict(node: Node): number {
    const {watch} = node;
    this.#byWatch.delete(watch);
    this.#evicted.set(watch, node);
    node.watch = -1;
    return watch;
  }

  /** The last event of a watch has come. Returns whether that is because it was evicted. */
  forgetEvicted(watch: number): boolean {
    return this.#evicted.delete(watch);
  }

  forgetWatch(watch: number): void {
    const node = this.#byWatch.get(watch);
    if (node) {
      node.watch = -1;
      node.reading = 'new';
    }
    this.#byWatch.delete(watch);
  }

  /** Takes a node out of its place; it may be linked again. */
  detach(node: Node): void {
    node.parent?.children?.delete(node.name);
    node.parent = undefined;
    node.changedAt = ++this.version;
  }

  attach(node: Node, parent: Node, name: ByteString): void {
    node.parent = parent;
    node.name = name;
    node.changedAt = ++this.version;
    parent.children ??= new Map();
    parent.children.set(name, node);
  }

  /** Forgets a node that was taken out, and all below it. Returns their watches. */
  forget(node: Node): number[] {
    const watches: number[] = [];
    const stack = [node];
    for (let one = stack.pop(); one; one = stack.pop()) {
      this.known--;
      if (one.watch !== -1) {
        watches.push(one.watch);
        this.forgetWatch(one.watch);
      }
      for (const child of one.children?.values() ?? []) stack.push(child);
    }
    return watches;
  }

  /** Undefined for a node that was taken out. */
  pathOf(node: Node): Path | undefined {
    if (node === this.root) return rootPath;
    const names: string[] = [];
    for (let at = node; at !== this.root; at = at.parent) {
      if (!at.parent) return undefined;
      names.push(at.name);
    }
    return `/${names.reverse().join('/')}` as Path;
  }

  childPath(node: Node, name: ByteString): Path | undefined {
    const path = this.pathOf(node);
    return path && joinPath(path, name);
  }

  /** Whether a node hangs where it hung at that version, and so does all above it. */
  isUnchangedSince(node: Node, version: number): boolean {
    for (let at: Node | undefined = node; at !== this.root; at = at.parent) {
      if (!at || at.changedAt > version) return false;
    }
    return true;
  }
}

function newNode(parent: Node | undefined, name: ByteString, identity: string, changedAt: number, hotAt: number): Node {
  return {
    parent,
    name,
    identity,
    children: undefined,
    reading: 'new',
    watch: -1,
    changedAt,
    writing: undefined,
    stamp: 0,
    readAt: 0,
    hotAt,
  };
}
