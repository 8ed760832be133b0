import type {ByteString} from '../../core/entry/byte-string.ts';
import {nameBytesMax} from '../../core/entry/path.ts';
import type {EventSink} from '../../core/source/source.ts';
import type {DirectoryReads} from './directory-reads.ts';
import type {DirtyNames} from './dirty-names.ts';
import {type Exclude, isSillyName} from './exclude.ts';
import {type Inotify, inotifyBits, type KernelEvent} from './inotify.ts';
import type {PendingMoves} from './moves.ts';
import type {StorageTime} from './storage-time.ts';
import type {Walkers} from './walkers.ts';
import type {Node, WatchTree} from './watch-tree.ts';

type QueuedEvent = KernelEvent & {begun: number};

export type KernelEventsParts = {
  tree: WatchTree;
  dirty: DirtyNames;
  moves: PendingMoves;
  reads: DirectoryReads;
  walkers: Walkers;
  inotify: Inotify;
  sink: EventSink;
  storageTime: StorageTime;
  exclude: Exclude | undefined;
  onOverflow: () => void;
  onUnmount: () => void;
  /** Names were marked. */
  onMarks: () => void;
};

/**
 * What the kernel says, in its order: a rename re-links a node and is told; whatever else happens marks a name.
 *
 * A rename is told only when what was told of its old name holds: else the name would take along what stood there before.
 */
export class KernelEvents {
  readonly #parts: KernelEventsParts;
  #queue: QueuedEvent[] = [];
  #pushed = 0;
  #onHandled: {upTo: number; resolve: () => void}[] = [];

  constructor(parts: KernelEventsParts) {
    this.#parts = parts;
  }

  /** Events that wait for the watch that they speak of. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Resolves in the turn in which what was pushed before the call is handled. */
  handled(): Promise<void> {
    return new Promise(resolve => {
      if (this.#queue.length === 0) resolve();
      else this.#onHandled.push({upTo: this.#pushed, resolve});
    });
  }

  push(events: KernelEvent[]): void {
    this.#pushed += events.length;
    const begun = this.#parts.walkers.lastBegun;
    for (const event of events) this.#queue.push({...event, begun});
    this.handleAll();
  }

  /** An event of a watch that is not known waits for the readings that were under way when it came, and all behind it wait. */
  handleAll(): void {
    const {tree, walkers, inotify, dirty, moves, onOverflow, onMarks} = this.#parts;
    let handled = 0;
    for (const event of this.#queue) {
      if (event.mask & inotifyBits.overflow) onOverflow();
      else {
        const node = tree.byWatch(event.watch);
        const isExpected = !node && !inotify.isRemoved(event.watch);
        if (isExpected && walkers.isReadingSince(event.begun)) break;
        if (node) this.#handle(event, node);
      }
      handled++;
    }
    this.#queue.splice(0, handled);
    const done = this.#pushed - this.#queue.length;
    while (this.#onHandled[0] && this.#onHandled[0].upTo <= done) this.#onHandled.shift()!.resolve();
    if (dirty.size > 0 || moves.size > 0) onMarks();
  }

  #handle({watch, mask, cookie, name}: KernelEvent, node: Node): void {
    const {storageTime, sink} = this.#parts;
    if (mask & inotifyBits.ignored) {
      this.#onIgnored(watch, node);
      return;
    }
    node.hotAt = Math.max(node.hotAt, storageTime.atLeast(sink.now()));
    if (mask & inotifyBits.unmount) this.#parts.onUnmount();
    else if (name === '') this.#markDirectory(node);
    else if (this.#isExcluded(node, name)) return;
    else if (name.length > nameBytesMax) this.#onTooLong(node, mask);
    else if (isSillyName(name)) this.#onSillyName(node, mask);
    else if (mask & inotifyBits.movedFrom) this.#onMovedFrom(node, name, cookie);
    else if (mask & inotifyBits.movedTo) this.#onMovedTo(node, name, {mask, cookie});
    else this.#onChange(node, name, mask);
  }

  /** The kernel took the watch away. Where the directory is still there, it is watched and read again. */
  #onIgnored(watch: number, node: Node): void {
    if (this.#parts.tree.forgetEvicted(watch)) return;
    this.#parts.tree.forgetWatch(watch);
    if (node.parent) this.#parts.reads.readNew(node);
  }

  /** Its end is the only event of some name that went before, while the file was open. Names being written are the likeliest. */
  #onSillyName(node: Node, mask: number): void {
    if ((mask & inotifyBits.delete) === 0) return;
    for (const name of node.writing?.keys() ?? []) this.#parts.dirty.mark(node, name);
    this.#parts.reads.relist(node);
  }

  /** The name itself cannot be told. That it went is found by the next scan. */
  #onTooLong(node: Node, mask: number): void {
    if (mask & (inotifyBits.create | inotifyBits.movedTo)) this.#parts.reads.foundTooLong(node);
  }

  #isExcluded(node: Node, name: ByteString): boolean {
    const {exclude, tree} = this.#parts;
    if (!exclude) return false;
    const path = tree.childPath(node, name);
    return path !== undefined && exclude(path);
  }

  #onChange(node: Node, name: ByteString, mask: number): void {
    const isDirectory = (mask & inotifyBits.isDirectory) !== 0;
    if (mask & inotifyBits.create && !isDirectory) setWriting(node, name, false);
    if (mask & inotifyBits.modify) setWriting(node, name, true);
    if (mask & (inotifyBits.closeWrite | inotifyBits.delete)) node.writing?.delete(name);
    const isStructural = (mask & (inotifyBits.create | inotifyBits.delete)) !== 0;
    if (isStructural) this.#markDirectory(node);
    const isReplaced = isDirectory && (mask & inotifyBits.delete) !== 0;
    if (isReplaced) this.#parts.reads.drop(node.children?.get(name));
    this.#parts.dirty.mark(node, name, {isStructural, isReplaced});
  }

  #onMovedFrom(node: Node, name: ByteString, cookie: number): void {
    const {tree, dirty, moves} = this.#parts;
    const child = node.children?.get(name);
    if (child) tree.detach(child);
    const writing = node.writing?.get(name);
    node.writing?.delete(name);
    moves.add({cookie, node, name, child, writing, isStale: this.#isStale(node, name)});
    this.#markDirectory(node);
    dirty.mark(node, name, {isStructural: true, isReplaced: child !== undefined});
  }

  #onMovedTo(node: Node, name: ByteString, {mask, cookie}: {mask: number; cookie: number}): void {
    const {tree, dirty, moves, reads, sink} = this.#parts;
    const move = moves.take(cookie);
    const isReplaced = node.children?.has(name) || (mask & inotifyBits.isDirectory) !== 0;
    reads.drop(node.children?.get(name));
    node.writing?.delete(name);
    if (move?.writing !== undefined) setWriting(node, name, move.writing);
    this.#markDirectory(node);
    const from = move && tree.childPath(move.node, move.name);
    const to = tree.childPath(node, name);
    const isTold = move !== undefined && from !== undefined && to !== undefined && !move.isStale;
    dirty.mark(node, name, {isStructural: true, isReplaced: isReplaced && !isTold});
    if (!isTold) {
      reads.drop(move?.child);
      return;
    }
    sink.emit({kind: 'move', from, to, observedAt: sink.now()});
    dirty.markMoved(move, {node, name});
    if (move.child) tree.attach(move.child, node, name);
  }

  /** Whether something else than what was told stands at a name, or at one above it. */
  #isStale(node: Node, name: ByteString): boolean {
    if (this.#parts.dirty.isStale(node, name)) return true;
    return node.parent !== undefined && this.#isStale(node.parent, node.name);
  }

  /** What changes in a directory changes the directory's own times. */
  #markDirectory(node: Node): void {
    const {dirty, tree} = this.#parts;
    if (node.parent) dirty.mark(node.parent, node.name);
    else if (node === tree.root) dirty.markRoot();
  }
}

function setWriting(node: Node, name: ByteString, hasWritten: boolean): void {
  node.writing ??= new Map();
  node.writing.set(name, hasWritten || node.writing.get(name) === true);
}
