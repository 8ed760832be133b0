import {ColdestFirst} from './coldest-first.ts';
import type {Inotify} from './inotify.ts';
import type {Node, WatchTree} from './watch-tree.ts';

/** What a reading may do about the watch of its directory. */
export type Grant = {
  node: Node;
  mayWatch: boolean;
  isDecided: boolean;
};

export type HotSetParts = {tree: WatchTree; inotify: Pick<Inotify, 'removeWatch'>; maxWatches: number};

/**
 * Which directories are watched when not all can be: those that changed last (`Node.hotAt`).
 *
 * 1. Watches that are set, and those that readings under way may set, are never more than the limit.
 * 2. So a directory that is being read is not evicted: its reading may be about to set the watch.
 * 3. One that is hotter than another that is watched gets its watch, at the latest when the readings under way are over.
 */
export class HotSet {
  readonly #parts: HotSetParts;
  /** Directories whose readings under way may set a watch, or have set it, and how many readings. */
  readonly #underway = new Map<Node, number>();
  /** The same of readings that have not decided whether they set it. */
  readonly #undecided = new Map<Node, number>();
  /** Directories without a watch because colder ones that have one were being read. */
  readonly #denied = new Set<Node>();
  /** What the kernel allowed, since it refused one. */
  #kernelMax = Number.POSITIVE_INFINITY;
  /** Made when the limit is reached for the first time. */
  #coldest: ColdestFirst | undefined;

  constructor(parts: HotSetParts) {
    this.#parts = parts;
  }

  /** A reading begins. */
  begin(node: Node): Grant {
    // A place is a directory's: a second reading with one of its own would take a watch from somebody, and leave one unused.
    const hasPlace = node.watch !== -1 || this.#undecided.has(node);
    const mayWatch = hasPlace || this.#makeRoom(node);
    if (mayWatch) for (const readings of [this.#underway, this.#undecided]) count(readings, node, 1);
    else if (this.#isHotterThanOneUnderway(node)) this.#denied.add(node);
    return {node, mayWatch, isDecided: !mayWatch};
  }

  /** The watch is set, or will not be. */
  decided(grant: Grant): void {
    if (!grant.isDecided) count(this.#undecided, grant.node, -1);
    grant.isDecided = true;
  }

  /** The reading is over. Returns directories that are to be read again, because a watch can be set for them now. */
  end(grant: Grant, {wasRead}: {wasRead: boolean}): Node[] {
    this.decided(grant);
    const {node, mayWatch} = grant;
    if (mayWatch) count(this.#underway, node, -1);
    // It was refused, or was found to be hotter than it was known to be.
    if (wasRead && node.watch === -1) this.#denied.add(node);
    return this.#takeDue(mayWatch ? this.#denied : [node]);
  }

  /** Whether a directory without a watch would get one if it were read now. */
  isDue(node: Node): boolean {
    if (this.#hasRoom) return true;
    const coldest = this.#findColdest();
    return coldest !== undefined && coldest.hotAt < node.hotAt;
  }

  /** A directory got a watch. */
  has(node: Node): void {
    const {tree} = this.#parts;
    this.#kernelMax = Math.max(this.#kernelMax, tree.watched);
    this.#coldest?.add(node);
    // Entries of directories that are gone are left out when they come to the top, which the hot ones never do.
    const isStale = this.#coldest && this.#coldest.length > 2 * tree.watched + 1_000;
    if (isStale) this.#coldest = new ColdestFirst(tree.nodesWatched());
    // More than the limit when another directory was put in the place of one that was watched, while it was read.
    while (tree.watched > this.#max && this.#evictColdest()) {}
  }

  /** The kernel refused a watch: it allows those that are set and those on their way, for as long as nobody tries again. */
  isRefused(): void {
    this.#kernelMax = this.#parts.tree.watched + this.#open;
  }

  /** The kernel may allow more than when it last refused one. */
  tryAgain(): void {
    this.#kernelMax = Number.POSITIVE_INFINITY;
  }

  get #max(): number {
    return Math.min(this.#parts.maxWatches, this.#kernelMax);
  }

  /** Places kept for watches that are not set yet. As few to look at as there are readings at once. */
  get #open(): number {
    let open = 0;
    for (const node of this.#undecided.keys()) if (node.watch === -1) open++;
    return open;
  }

  get #hasRoom(): boolean {
    return this.#parts.tree.watched + this.#open < this.#max;
  }

  /** Of some that were denied. Those stay for which no watch can be had before another reading is over. */
  #takeDue(nodes: Iterable<Node>): Node[] {
    const due: Node[] = [];
    for (const node of nodes) {
      const isDue = this.#denied.has(node) && node.watch === -1 && this.isDue(node);
      if (isDue) due.push(node);
      else if (node.watch === -1 && this.#isHotterThanOneUnderway(node)) continue;
      this.#denied.delete(node);
    }
    return due;
  }

  #makeRoom(node: Node): boolean {
    return this.isDue(node) && (this.#hasRoom || (this.#evictColdest() && this.#hasRoom));
  }

  #evictColdest(): boolean {
    const coldest = this.#findColdest();
    if (!coldest) return false;
    const {tree, inotify} = this.#parts;
    inotify.removeWatch(tree.evict(coldest));
    if (this.#isHotterThanOneUnderway(coldest)) this.#denied.add(coldest);
    return true;
  }

  /** Of those that may be evicted. */
  #findColdest(): Node | undefined {
    this.#coldest ??= new ColdestFirst(this.#parts.tree.nodesWatched());
    const passedOver: Node[] = [];
    let coldest = this.#coldest.peek();
    while (coldest && this.#underway.has(coldest)) {
      passedOver.push(coldest);
      this.#coldest.pop();
      coldest = this.#coldest.peek();
    }
    for (const node of passedOver) this.#coldest.add(node);
    return coldest;
  }

  #isHotterThanOneUnderway(node: Node): boolean {
    for (const other of this.#underway.keys()) if (other.hotAt < node.hotAt) return true;
    return false;
  }
}

function count(readings: Map<Node, number>, node: Node, more: 1 | -1): void {
  const now = (readings.get(node) ?? 0) + more;
  if (now === 0) readings.delete(node);
  else readings.set(node, now);
}
