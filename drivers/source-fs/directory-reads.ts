import {rootPath} from '../../core/entry/path.ts';
import type {EventSink} from '../../core/source/source.ts';
import type {Hlc} from '../../core/time/hlc.ts';
import type {Ages} from './ages.ts';
import type {DirectoryReading, WatchedDirectory} from './directory-reader.ts';
import type {DirtyNames} from './dirty-names.ts';
import {type Grant, HotSet} from './hot-set.ts';
import type {Inotify} from './inotify.ts';
import {rangesOf} from './listing-ranges.ts';
import {isGone} from './mount.ts';
import {rootLost} from './root-door.ts';
import type {WalkFound} from './serve-walks.ts';
import {racyMs, stampOf, timeToMs} from './stamps.ts';
import type {StorageTime} from './storage-time.ts';
import type {Walkers} from './walkers.ts';
import type {Node, WatchTree} from './watch-tree.ts';

export type ReadsParts = {
  tree: WatchTree;
  dirty: DirtyNames;
  ages: Ages;
  walkers: Walkers;
  inotify: Inotify;
  sink: EventSink;
  storageTime: StorageTime;
  crossesFileSystems: boolean;
  maxWatches: number;
  /** Called when a watch that events may have waited for is known. */
  onWatches: () => void;
  onRootLost: () => void;
};

/** What is told, behind its listing, of a directory that has names which are too long to be told. */
export const tooLongError = 'ENAMETOOLONG';

/** Stands for one scan. */
export type ScanMark = object;

export type DirectoryRead = {
  /** What was read, or the name of the error. */
  reading: DirectoryReading | string;
  /** The directories in it; undefined when the reading failed or is of another directory than the node. */
  children: Node[] | undefined;
  /** Newest HLC value of the view that had been received before the reading began. */
  evidence: Hlc;
  /** When it began, on the agent's monotonic clock. */
  begunAt: number;
};

/** Has directories watched and read, and keeps the tree of nodes equal to what was found. */
export class DirectoryReads {
  readonly #parts: ReadsParts;
  readonly hotSet: HotSet;
  /** With the age of what asked for it first. */
  readonly #relisting = new Map<Node, number>();
  /** Being read, or to be read, and how often. */
  readonly #underway = new Map<Node, number>();
  /** Found by scans, and not offered yet. */
  readonly #found = new Map<Node, {scan: ScanMark; age: number}>();
  #latestFound = 0;
  /** Some names were too long to be told when it was last read. */
  readonly #lacking = new WeakSet<Node>();
  /** Names in the root, as its last reading found them. */
  rootCount = 0;

  constructor(parts: ReadsParts) {
    this.#parts = parts;
    this.hotSet = new HotSet(parts);
  }

  /** Directories of which nobody hears what happens in them, and that are not being read. */
  get unwatched(): number {
    const {known, watched} = this.#parts.tree;
    if (known === watched) return 0;
    let underway = 0;
    for (const node of new Set([...this.#underway.keys(), ...this.#found.keys()])) {
      if (node.watch === -1 && isWithin(node, this.#parts.tree.root)) underway++;
    }
    return Math.max(0, known - watched - underway);
  }

  /** Whether more directories are without a watch than are to be read. Quick; while much is read, true later than it could be. */
  get lacksWatches(): boolean {
    const {known, watched} = this.#parts.tree;
    return known - watched > this.#underway.size + this.#found.size;
  }

  /** What a scan read of a directory has been offered, or will not be. */
  offered(node: Node): void {
    const found = this.#found.get(node);
    this.#found.delete(node);
    if (found) this.#parts.ages.endFound(found.age);
  }

  /** What scans have found there, and not offered yet, is as old as what is being told now: nobody else will tell of it. */
  inherit(directory: Node): void {
    const {ages} = this.#parts;
    if (this.#latestFound <= ages.current) return;
    for (const [node, found] of this.#found) {
      if (found.age <= ages.current || !isWithin(node, directory)) continue;
      const later = found.age;
      found.age = ages.beginFound();
      ages.endFound(later);
    }
  }

  /** A scan is over. */
  ended(scan: ScanMark): void {
    for (const [node, found] of this.#found) if (found.scan === scan) this.offered(node);
  }

  /** `scan`: of which it is a part; without it, it goes before those of scans. */
  read(node: Node, scan: ScanMark | undefined, done: (read: DirectoryRead) => void): void {
    const {tree, walkers, sink, ages, onWatches, onRootLost} = this.#parts;
    if (node.reading === 'new') node.reading = 'due';
    this.#underway.set(node, (this.#underway.get(node) ?? 0) + 1);
    const age = scan ? undefined : ages.begin();
    let begunAt = sink.now();
    let evidence = sink.evidence();
    let version = tree.version;
    let grant: Grant | undefined;
    walkers.walk(
      {
        begin: () => {
          begunAt = sink.now();
          evidence = sink.evidence();
          version = tree.version;
          this.#relisting.delete(node);
          const path = tree.pathOf(node);
          if (path === undefined) return undefined;
          grant = this.hotSet.begin(node);
          return {path, wanted: 'reading', mayWatch: grant.mayWatch};
        },
        onWatched: watched => {
          if (this.#isOf(node, watched) && tree.pathOf(node) !== undefined) this.#setWatch(node, watched.watch);
          this.hotSet.decided(grant!);
          onWatches();
        },
        done: found => {
          const reading = found as DirectoryReading | string;
          this.#readingEnds(node);
          const take = () => {
            const children = this.#register(node, reading, {version, scan});
            if (grant) this.#endGrant(grant, reading);
            if (reading === rootLost) onRootLost();
            done({reading, children, evidence, begunAt});
          };
          const since = age ?? this.#found.get(node)?.age;
          if (since === undefined) take();
          else ages.during(since, take);
          onWatches();
          if (age !== undefined) ages.end(age);
        },
      },
      {isUrgent: scan === undefined},
    );
  }

  #readingEnds(node: Node): void {
    const others = this.#underway.get(node)! - 1;
    if (others > 0) this.#underway.set(node, others);
    else this.#underway.delete(node);
  }

  /** The directories that are hotter than one that is watched now, and are not, are read again with a watch. */
  #endGrant(grant: Grant, reading: DirectoryReading | string): void {
    const isRefused = typeof reading !== 'string' && reading.isRefused;
    this.hotSet.decided(grant);
    if (isRefused) this.hotSet.isRefused();
    const due = this.hotSet.end(grant, {wasRead: grant.node.reading === 'done'});
    for (const one of due) this.readNew(one);
  }

  /**
   * Whether a directory is what it was when its listing was last offered. False also where it cannot be known: then it is to be
   * read.
   */
  check(node: Node, done: (isUnchanged: boolean, evidence: Hlc) => void): void {
    const {tree, walkers, sink} = this.#parts;
    let evidence = sink.evidence();
    walkers.walk(
      {
        begin: () => {
          evidence = sink.evidence();
          const path = tree.pathOf(node);
          return path === undefined ? undefined : {path, wanted: 'check', mayWatch: false};
        },
        onWatched: () => {},
        done: found => done(this.#isUnchanged(node, found), evidence),
      },
      {isUrgent: false},
    );
  }

  /** The listing of what was read has been offered. */
  told(node: Node, {reading, children, begunAt}: DirectoryRead): void {
    if (typeof reading === 'string' || !children || node.identity !== reading.identity) return;
    if (reading.tooLong > 0) return; // each scan says that its listing is not all
    node.stamp = stampOf(reading.self);
    node.readAt = begunAt;
  }

  #isUnchanged(node: Node, found: WalkFound): boolean {
    if (typeof found === 'string' || !('self' in found) || node.stamp === 0) return false;
    const {identity, self} = found;
    const {sink, storageTime} = this.#parts;
    storageTime.saw(self.ctime, sink.now());
    node.hotAt = Math.max(node.hotAt, timeToMs(self.ctime));
    if (identity !== node.identity || stampOf(self) !== node.stamp) return false;
    return timeToMs(self.ctime) + racyMs <= storageTime.atLeast(node.readAt);
  }

  /** Without reading it. Where it cannot be watched, audits find what changes. */
  watchRoot(): Promise<void> {
    const {tree, walkers} = this.#parts;
    return new Promise(resolve => {
      const done = (found: WalkFound) => {
        if (typeof found === 'object' && 'watch' in found) {
          if (found.isRefused) this.hotSet.isRefused();
          if (this.#isOf(tree.root, found)) this.#setWatch(tree.root, found.watch);
        }
        resolve();
      };
      const begin = () => ({path: rootPath, wanted: 'watch', mayWatch: true}) as const;
      walkers.walk({begin, onWatched: () => {}, done}, {isUrgent: true});
    });
  }

  /**
   * Watches and reads a directory that is new, and all below it. What is found goes the way of realtime events, because
   * nobody else will tell of it.
   */
  readNew(node: Node): void {
    this.read(node, undefined, read => this.#tellNew(node, read));
  }

  #tellNew(node: Node, read: DirectoryRead): void {
    const {sink, tree, crossesFileSystems} = this.#parts;
    const source = 'snapshot';
    const {reading, children, evidence} = read;
    const path = tree.pathOf(node);
    if (path === undefined) return;
    if (typeof reading === 'string') {
      if (!isGone(reading) && reading !== rootLost)
        sink.emit({kind: 'unreadable', source, path, evidence, error: reading});
      return;
    }
    if (!children) return;
    for (const range of rangesOf(path, source, evidence, reading)) sink.emit(range);
    if (reading.tooLong > 0) sink.emit({kind: 'unreadable', source, path, evidence, error: tooLongError});
    for (const {name, isOtherFileSystem} of reading.directories) {
      if (!isOtherFileSystem || crossesFileSystems) continue;
      sink.emit({kind: 'unreadable', source, path: tree.childPath(node, name)!, evidence, error: 'EXDEV'});
    }
    this.told(node, read);
    for (const child of children) {
      if (child.reading === 'new') this.readNew(child);
      else this.inherit(child);
    }
  }

  /** A name that is too long to be told came: the directory's listing is not all any more, which is told once. */
  foundTooLong(node: Node): void {
    if (!this.#lacking.has(node)) this.relist(node);
  }

  /** Reads and tells a directory again, once however often that is asked for until the reading begins. */
  relist(node: Node): void {
    const {current} = this.#parts.ages;
    if ((this.#relisting.get(node) ?? Number.POSITIVE_INFINITY) <= current) return;
    this.#relisting.set(node, current);
    this.readNew(node);
  }

  /** Forgets a directory and all below it. */
  drop(node: Node | undefined): void {
    if (!node) return;
    const {tree, inotify} = this.#parts;
    if (node.parent) node.parent.stamp = 0; // another directory may stand there, which only a reading finds
    tree.detach(node);
    for (const watch of tree.forget(node)) inotify.removeWatch(watch);
  }

  /**
   * Takes over what a reading found: the watch, and the directories in it, which are returned. Undefined when it failed, was
   * of another directory than the node, or the node has gone: its name is then looked at again.
   */
  #register(
    node: Node,
    reading: DirectoryReading | string,
    {version, scan}: {version: number; scan: ScanMark | undefined},
  ): Node[] | undefined {
    const {tree, dirty, sink, storageTime} = this.#parts;
    node.stamp = 0;
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
    if (reading.tooLong > 0) this.#lacking.add(node);
    else this.#lacking.delete(node);
    storageTime.saw(reading.self.ctime, sink.now());
    node.hotAt = Math.max(node.hotAt, timeToMs(reading.self.ctime));
    if (node === tree.root) this.rootCount = reading.count;
    this.#setWatch(node, reading.watch);
    this.#dropUnlisted(node, reading.directories, version);
    const children: Node[] = [];
    for (const directory of reading.directories) {
      if (directory.isOtherFileSystem && !this.#parts.crossesFileSystems) continue;
      const child = this.#childAs(node, directory, scan);
      if (child) children.push(child);
    }
    return children;
  }

  /** The node of a directory that was found; undefined when another one was known, which is left to a look. */
  #childAs(
    node: Node,
    directory: DirectoryReading['directories'][number],
    scan: ScanMark | undefined,
  ): Node | undefined {
    const {tree, dirty} = this.#parts;
    const {name, identity} = directory;
    const known = node.children?.get(name);
    if (!known) {
      const found = tree.add(node, directory);
      if (scan) {
        const age = this.#parts.ages.beginFound();
        this.#found.set(found, {scan, age});
        this.#latestFound = Math.max(this.#latestFound, age);
      }
      return found;
    }
    known.hotAt = Math.max(known.hotAt, directory.hotAt);
    if (known.identity === '' || identity === '' || known.identity === identity) return known;
    this.drop(known);
    dirty.mark(node, name, {isReplaced: true});
    return undefined;
  }

  #isOf(node: Node, {identity}: Pick<WatchedDirectory, 'identity'>): boolean {
    return node.identity === '' || node.identity === identity;
  }

  #setWatch(node: Node, watch: number): void {
    const {tree, inotify} = this.#parts;
    if (watch === -1) return;
    if (inotify.isRemoved(watch)) {
      // It was removed with another node of the same directory, after this reading had asked for it.
      if (node.watch !== -1) return;
      const {ages} = this.#parts;
      const age = ages.begin();
      queueMicrotask(() => {
        ages.during(age, () => this.readNew(node));
        ages.end(age);
      });
      return;
    }
    const before = node.watch;
    tree.setWatch(node, watch);
    if (before !== -1 && before !== watch) inotify.removeWatch(before);
    if (before !== watch) this.hotSet.has(node);
  }

  /** Directories that went without an event that we heard. Those that came after the reading began are not meant. */
  #dropUnlisted(node: Node, listed: DirectoryReading['directories'], version: number): void {
    if (!node.children || node.children.size === 0) return;
    const names = new Set(listed.map(({name}) => name));
    for (const child of [...node.children.values()]) {
      if (names.has(child.name) || child.changedAt > version) continue;
      this.#parts.dirty.mark(node, child.name, {isStructural: true, isReplaced: true});
      this.drop(child);
    }
  }
}

function isWithin(node: Node, directory: Node): boolean {
  let at: Node | undefined = node;
  while (at && at !== directory) at = at.parent;
  return at !== undefined;
}
