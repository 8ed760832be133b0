import {type Attributes, kinds} from '../../core/entry/entry.ts';
import {type Path, rootPath} from '../../core/entry/path.ts';
import type {EventSink} from '../../core/source/source.ts';
import type {Ages} from './ages.ts';
import type {DirectoryReads} from './directory-reads.ts';
import type {DirtyNames, Mark} from './dirty-names.ts';
import type {Inotify} from './inotify.ts';
import type {KernelEvents} from './kernel-events.ts';
import type {Looker} from './looker.ts';
import {isGone} from './mount.ts';
import type {PendingMoves} from './moves.ts';
import {rootLost} from './root-door.ts';
import type {Look} from './serve-looks.ts';
import {timeToMs} from './stamps.ts';
import type {Walkers} from './walkers.ts';
import type {WatchTree} from './watch-tree.ts';

/** How long events gather before their names are looked at: a burst on one name costs one look. */
const gatherMs = 3;
/** A name that comes and goes all the time is told after so many looks, though it is known that it went on changing. */
const roundsMax = 8;

export type LooksParts = {
  tree: WatchTree;
  dirty: DirtyNames;
  ages: Ages;
  moves: PendingMoves;
  reads: DirectoryReads;
  walkers: Walkers;
  inotify: Inotify;
  looker: Looker;
  sink: EventSink;
  crossesFileSystems: boolean;
  signal: AbortSignal;
  onRootLost: () => void;
};

/**
 * Looks at marked names in rounds. What was seen is told only when, after the kernel's queue was read to its end, the
 * directory still hangs where it hung before the look and the name itself neither came, went nor moved. So what is told was
 * true at its place in the stream of events, and every later change makes another mark.
 */
export class Looks {
  readonly #parts: LooksParts;
  readonly #events: KernelEvents;
  #round: Promise<void> | undefined;

  constructor(parts: LooksParts, events: KernelEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  plan(): void {
    if (this.#round || this.#parts.signal.aborted) return;
    this.#round = new Promise<void>(resolve => setTimeout(resolve, gatherMs))
      .then(() => this.#lookAndTell())
      .finally(() => {
        this.#round = undefined;
        if (this.#isDue) this.plan();
      });
  }

  /** Resolves when a round that began after the call is over, or nothing is marked. */
  async flush(): Promise<void> {
    await this.#round;
    if (this.#isDue) this.plan();
    await this.#round;
  }

  get #isDue(): boolean {
    return this.#parts.dirty.size > 0 || this.#parts.moves.size > 0;
  }

  async #lookAndTell(): Promise<void> {
    const {tree, dirty, ages, moves, reads, inotify, walkers, signal} = this.#parts;
    const marks = dirty.take();
    const isRootMarked = dirty.takeRoot();
    const version = tree.version;
    const {looks, rootLook} = await this.#look(marks, isRootMarked);
    const removed = inotify.removed;
    await inotify.sync();
    while (this.#events.waiting > 0 && !signal.aborted) {
      await new Promise(resolve => setTimeout(resolve, 1)); // a reading that names an event's watch is about to arrive
      this.#events.handleAll();
    }
    if (signal.aborted) return;
    if (!walkers.isReadingSince(Number.POSITIVE_INFINITY)) inotify.forgetRemoved(removed);
    if (typeof rootLook === 'object') this.#tellUpsert(rootPath, rootLook.attributes, true);
    for (const mark of marks) ages.during(mark.age, () => this.#tell(mark, looks.get(mark), version));
    dirty.told();
    for (const {child} of moves.age()) reads.drop(child);
  }

  async #look(
    marks: readonly Mark[],
    isRootMarked: boolean,
  ): Promise<{looks: Map<Mark, Look>; rootLook: Look | undefined}> {
    const paths: Path[] = [];
    const looked: Mark[] = [];
    for (const mark of marks) {
      const path = this.#parts.tree.childPath(mark.node, mark.name);
      if (path === undefined) continue;
      paths.push(path);
      looked.push(mark);
    }
    if (isRootMarked) paths.push(rootPath);
    const found = await this.#parts.looker.look(paths, 0);
    const looks = new Map(looked.map((mark, i) => [mark, found[i]!]));
    return {looks, rootLook: isRootMarked ? found.at(-1) : undefined};
  }

  #tell(mark: Mark, look: Look | undefined, version: number): void {
    const {tree, dirty, moves, reads, onRootLost} = this.#parts;
    const {node, name, isMoved, rounds} = mark;
    if (look === undefined) {
      if (moves.isInTransit(node)) dirty.markAgain(mark);
      return;
    }
    if (!tree.isUnchangedSince(node, version) || moves.isMoving(node, name)) {
      dirty.markAgain(mark);
      return;
    }
    if (dirty.isStructural(node, name)) {
      const isFound = typeof look === 'object' && look.attributes.kind !== kinds.directory;
      // It is marked anew by what happened since: whoever waits for what was before that need not wait for it.
      if (isFound && rounds >= roundsMax) this.#tellFile(mark, look);
      else dirty.markAgain(mark);
      return;
    }
    if (typeof look === 'object') {
      if (look.attributes.kind === kinds.directory) this.#tellDirectory(mark, look);
      else this.#tellFile(mark, look);
    } else if (isGone(look) && isMoved) reads.drop(node.children?.get(name));
    else if (isGone(look)) this.#tellDelete(mark);
    else if (look === rootLost) onRootLost();
    else reads.relist(node); // what happened to the name is not known: the directory is listed, or told as unreadable
  }

  /** Or anything else that is no directory. */
  #tellFile({node, name, isReplaced}: Mark, {attributes, links}: Look & object): void {
    if (isReplaced || node.children?.has(name)) this.#tellDelete({node, name});
    if (attributes.kind !== kinds.file) node.writing?.delete(name);
    const path = this.#parts.tree.childPath(node, name)!;
    this.#tellUpsert(path, attributes, !isOpen(node.writing?.get(name), links));
  }

  #tellDirectory({node, name, isReplaced}: Mark, {attributes, identity, device}: Look & object): void {
    const {tree, reads, sink, crossesFileSystems} = this.#parts;
    const path = tree.childPath(node, name)!;
    const child = node.children?.get(name);
    if (device !== tree.device && !crossesFileSystems) {
      reads.drop(child);
      this.#tellUpsert(path, attributes, true);
      sink.emit({kind: 'unreadable', source: 'snapshot', path, evidence: sink.evidence(), error: 'EXDEV'});
      return;
    }
    const isSame = child !== undefined && !isReplaced && (child.identity === '' || child.identity === identity);
    if (!isSame) reads.drop(child);
    if (isReplaced || (child !== undefined && !isSame)) this.#tellDelete({node, name});
    this.#tellUpsert(path, attributes, true);
    const directory = isSame ? child : tree.add(node, {name, identity, hotAt: timeToMs(attributes.ctime)});
    if (directory.reading === 'new') reads.readNew(directory);
    else reads.inherit(directory);
  }

  #tellDelete({node, name}: Pick<Mark, 'node' | 'name'>): void {
    const {tree, reads, sink} = this.#parts;
    reads.drop(node.children?.get(name));
    sink.emit({kind: 'delete', path: tree.childPath(node, name)!, observedAt: sink.now()});
  }

  #tellUpsert(path: Path, attributes: Attributes, isAtomic: boolean): void {
    const {sink} = this.#parts;
    sink.emit({kind: 'upsert', path, attributes, isAtomic, observedAt: sink.now()});
  }
}

/** `hasWritten` as in `Node.writing`. A name made by link(2) has no writer of its own. */
function isOpen(hasWritten: boolean | undefined, links: number): boolean {
  return hasWritten === true || (hasWritten === false && links === 1);
}
