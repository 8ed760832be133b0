import type {ByteString} from '../../core/entry/byte-string.ts';
import type {EventSink} from '../../core/source/source.ts';
import type {DirectoryReading, WatchedDirectory} from './directory-reader.ts';
import type {DirtyNames} from './dirty-names.ts';
import type {Inotify} from './inotify.ts';
import {rangesOf} from './listing-ranges.ts';
import {isGone} from './mount.ts';
import type {Walkers} from './walkers.ts';
import type {Node, WatchTree} from './watch-tree.ts';

export type ReadsParts = {
  tree: WatchTree;
  dirty: DirtyNames;
  walkers: Walkers;
  inotify: Inotify;
  sink: EventSink;
  crossesFileSystems: boolean;
  maxWatches: number;
  /** Called when a watch that events may have waited for is known. */
  onWatches: () => void;
};

/** Has directories watched and read, and keeps the tree of nodes equal to what was found. */
export class DirectoryReads {
  readonly #parts: ReadsParts;
  /** Readings under way whose directory has no watch yet and will get one. */
  #granted = 0;
  #urgent = 0;
  /** Names in the root, as its last reading found them. */
  rootCount = 0;

  constructor(parts: ReadsParts) {
    this.#parts = parts;
  }

  /** New directories that are not read yet. */
  get urgent(): number {
    return this.#urgent;
  }

  /** `done` is given what was read, and `children` as `#register` tells them. */
  read(node: Node, isUrgent: boolean, done: (reading: DirectoryReading | string, children?: Node[]) => void): void {
    const {tree, walkers, onWatches} = this.#parts;
    if (node.reading === 'new') node.reading = 'due';
    let begunAt = 0;
    let granted = 0;
    walkers.read(
      {
        begin: () => {
          begunAt = tree.version;
          const path = tree.pathOf(node);
          if (path === undefined) return undefined;
          granted = node.watch === -1 && tree.watched + this.#granted < this.#parts.maxWatches ? 1 : 0;
          this.#granted += granted;
          return {path, mayWatch: node.watch !== -1 || granted === 1};
        },
        onWatched: watched => {
          if (this.#isOf(node, watched) && tree.pathOf(node) !== undefined) this.#setWatch(node, watched.watch);
          onWatches();
        },
        done: reading => {
          this.#granted -= granted;
          done(reading, this.#register(node, reading, begunAt));
          onWatches();
        },
      },
      {isUrgent},
    );
  }

  /**
   * Watches and reads a directory that is new, and all below it. What is found goes the way of realtime events, because
   * nobody else will tell of it.
   */
  readNew(node: Node): void {
    const {sink, tree, crossesFileSystems} = this.#parts;
    const evidence = sink.evidence();
    const source = 'snapshot';
    this.#urgent++;
    this.read(node, true, (reading, children) => {
      this.#urgent--;
      const path = tree.pathOf(node);
      if (path === undefined) return;
      if (typeof reading === 'string') {
        if (!isGone(reading)) sink.emit({kind: 'unreadable', source, path, evidence, error: reading});
        return;
      }
      if (!children) return;
      for (const range of rangesOf(path, source, evidence, reading)) sink.emit(range);
      for (const {name, isOtherFileSystem} of reading.directories) {
        if (!isOtherFileSystem || crossesFileSystems) continue;
        sink.emit({kind: 'unreadable', source, path: tree.childPath(node, name)!, evidence, error: 'EXDEV'});
      }
      for (const child of children) if (child.reading === 'new') this.readNew(child);
    });
  }

  /** Forgets a directory and all below it. */
  drop(node: Node | undefined): void {
    if (!node) return;
    const {tree, inotify} = this.#parts;
    tree.detach(node);
    for (const watch of tree.forget(node)) inotify.removeWatch(watch);
  }

  /**
   * Takes over what a reading found: the watch, and the directories in it, which are returned. Undefined when it failed, was
   * of another directory than the node, or the node has gone: its name is then looked at again.
   */
  #register(node: Node, reading: DirectoryReading | string, begunAt: number): Node[] | undefined {
    const {tree, dirty} = this.#parts;
    if (typeof reading === 'string') {
      node.reading = 'new'; // so that it is read when something happens to it, a chmod perhaps
      if (isGone(reading) && node.parent) dirty.mark(node.parent, node.name);
      return undefined;
    }
    if (!this.#isOf(node, reading) || tree.pathOf(node) === undefined) {
      if (reading.watch !== -1 && !tree.byWatch(reading.watch)) this.#parts.inotify.removeWatch(reading.watch);
      node.reading = 'new';
      if (node.parent) dirty.mark(node.parent, node.name);
      return undefined;
    }
    node.reading = 'done';
    node.identity = reading.identity;
    if (node === tree.root) this.rootCount = reading.count;
    this.#setWatch(node, reading.watch);
    this.#dropUnlisted(node, reading.directories, begunAt);
    const children: Node[] = [];
    for (const {name, identity, isOtherFileSystem} of reading.directories) {
      if (isOtherFileSystem && !this.#parts.crossesFileSystems) continue;
      const child = this.#childAs(node, name, identity);
      if (child) children.push(child);
    }
    return children;
  }

  /** The node of a directory that was found; undefined when another one was known, which is left to a look. */
  #childAs(node: Node, name: ByteString, identity: string): Node | undefined {
    const {tree, dirty} = this.#parts;
    const known = node.children?.get(name);
    if (!known) return tree.add(node, name, identity);
    if (known.identity === '' || identity === '' || known.identity === identity) return known;
    this.drop(known);
    dirty.mark(node, name, {isReplaced: true});
    return undefined;
  }

  #isOf(node: Node, {identity}: WatchedDirectory): boolean {
    return node.identity === '' || node.identity === identity;
  }

  #setWatch(node: Node, watch: number): void {
    const {tree, inotify} = this.#parts;
    if (watch === -1) return;
    if (inotify.isRemoved(watch)) {
      // It was removed with another node of the same directory, after this reading had asked for it.
      if (node.watch === -1) queueMicrotask(() => this.readNew(node));
      return;
    }
    const before = node.watch;
    tree.setWatch(node, watch);
    if (before !== -1 && before !== watch) inotify.removeWatch(before);
  }

  /** Directories that went without an event that we heard. Those that came after the reading began are not meant. */
  #dropUnlisted(node: Node, listed: DirectoryReading['directories'], begunAt: number): void {
    if (!node.children || node.children.size === 0) return;
    const names = new Set(listed.map(({name}) => name));
    for (const child of [...node.children.values()]) {
      if (names.has(child.name) || child.changedAt > begunAt) continue;
      this.#parts.dirty.mark(node, child.name, {isStructural: true, isReplaced: true});
      this.drop(child);
    }
  }
}
