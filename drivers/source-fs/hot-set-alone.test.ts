import fc from 'fast-check';
import {expect, test} from 'vitest';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {HotSet} from './hot-set.ts';
import {type Node, WatchTree} from './watch-tree.ts';

/** A hot set with the kernel that it sets watches in, and readings that go on a step at a time, as `DirectoryReads` has them. */
class Readings {
  readonly tree = new WatchTree({identity: '1@0:1', device: '0:1'});
  readonly nodes: Node[];
  /** Who has a watch in the kernel, and which. */
  readonly kernel = new Map<Node, number>();
  readonly underway: Iterator<void>[] = [];
  /** Directories that were read at least once. */
  readonly read = new Set<Node>();
  readonly #maxWatches: number;
  readonly #kernelMax: number;
  readonly #hotSet: HotSet;
  /** How many readings that may set a watch are under way, and of these how many have not come to setting it. */
  readonly #granted = new Map<Node, number>();
  readonly #promised = new Map<Node, number>();
  #nextWatch = 1;

  constructor({directories, maxWatches, kernelMax}: {directories: number; maxWatches: number; kernelMax: number}) {
    this.#maxWatches = maxWatches;
    this.#kernelMax = kernelMax;
    this.nodes = Array.from({length: directories}, (_, i) =>
      this.tree.add(this.tree.root, {name: `d${i}` as ByteString, identity: '', hotAt: i}),
    );
    const removeWatch = (watch: number) => this.#removeWatch(watch);
    this.#hotSet = new HotSet({tree: this.tree, inotify: {removeWatch}, maxWatches});
  }

  /** It changed, and is to be read because of that; the reading itself may find it hotter still. */
  start(node: Node, hotter: {before?: number; found?: number} = {}): void {
    this.underway.push(this.#reading(node, hotter));
  }

  /** One of the readings comes a step further. */
  advance(index: number): void {
    const at = index % this.underway.length;
    if (this.underway[at]!.next().done) this.underway.splice(at, 1);
    this.#expectNoMoreThanAllowed();
  }

  end(): void {
    while (this.underway.length > 0) this.advance(0);
  }

  *#reading(node: Node, {before = 0, found = 0}: {before?: number; found?: number}): Generator<void> {
    node.hotAt += before;
    const grant = this.#hotSet.begin(node);
    const {mayWatch} = grant;
    this.read.add(node);
    let isRefused = false;
    if (mayWatch) {
      count(this.#granted, node, 1);
      count(this.#promised, node, 1);
      yield;
      isRefused = !this.#addWatch(node);
      count(this.#promised, node, -1);
    }
    yield;
    const watch = this.kernel.get(node);
    if (mayWatch && watch !== undefined && node.watch !== watch) {
      this.tree.setWatch(node, watch);
      this.#hotSet.has(node);
    }
    this.#hotSet.decided(grant);
    yield;
    node.hotAt += found;
    if (mayWatch) count(this.#granted, node, -1);
    if (isRefused) this.#hotSet.isRefused();
    for (const due of this.#hotSet.end(grant, {wasRead: true})) this.start(due);
  }

  /** As the kernel does it: a directory has one watch, however often it is asked for. */
  #addWatch(node: Node): boolean {
    if (!this.kernel.has(node)) {
      if (this.kernel.size === this.#kernelMax) return false;
      this.kernel.set(node, this.#nextWatch++);
    }
    return true;
  }

  #removeWatch(watch: number): void {
    const [node] = [...this.kernel].find(([, one]) => one === watch)!;
    expect([...this.#granted.keys()], 'a directory that is being read was evicted').not.toContain(node);
    this.kernel.delete(node);
  }

  #expectNoMoreThanAllowed(): void {
    const [set, promised] = [[...this.kernel.keys()], [...this.#promised.keys()]];
    expect(new Set([...set, ...promised]).size).toBeLessThanOrEqual(this.#maxWatches);
  }
}

function count(counts: Map<Node, number>, node: Node, more: number): void {
  const now = (counts.get(node) ?? 0) + more;
  if (now === 0) counts.delete(node);
  else counts.set(node, now);
}

test('a directory that is read twice at once has one place: only one other loses its watch, and none stays unused', () => {
  const readings = new Readings({directories: 3, maxWatches: 2, kernelMax: 2});
  const [a, b, c] = readings.nodes as [Node, Node, Node];
  for (const node of [a, b]) readings.start(node);
  readings.end();
  expect([...readings.kernel.keys()]).toEqual([a, b]);
  for (let twice = 0; twice < 2; twice++) readings.start(c);
  for (let both = 0; both < 2; both++) readings.advance(both);
  expect([...readings.kernel.keys()]).toEqual([b]);
  readings.end();
  expect([...readings.kernel.keys()]).toEqual([b, c]);
});

const anyStep = fc.oneof(
  fc.record({kind: fc.constant('read' as const), at: fc.nat(7), before: fc.nat(12), found: fc.nat(3)}),
  fc.record({kind: fc.constant('advance' as const), at: fc.nat(20)}),
  fc.record({kind: fc.constant('event' as const), at: fc.nat(7), hotter: fc.nat(12)}),
);
const anyHistory = fc.record({
  maxWatches: fc.integer({min: 1, max: 4}),
  kernelMax: fc.integer({min: 1, max: 5}),
  steps: fc.array(fc.array(anyStep, {maxLength: 60, size: 'max'}), {minLength: 1, maxLength: 4}),
});

test('the hottest have all the watches that are allowed, never more, and none is lost while its directory is read', () => {
  fc.assert(
    fc.property(anyHistory, ({maxWatches, kernelMax, steps}) => {
      const readings = new Readings({directories: 8, maxWatches, kernelMax});
      for (const part of steps) {
        for (const step of part) {
          if (step.kind === 'advance') {
            if (readings.underway.length > 0) readings.advance(step.at);
            continue;
          }
          const node = readings.nodes[step.at]!;
          if (step.kind === 'read') readings.start(node, step);
          else if (node.watch !== -1) node.hotAt += step.hotter; // nobody hears of it without a watch
        }
        readings.end();
        const {kernel, read, tree} = readings;
        const unwatched = [...read].filter(node => !kernel.has(node)).map(({hotAt}) => hotAt);
        const coldest = Math.min(...[...kernel.keys()].map(({hotAt}) => hotAt));
        expect(Math.max(0, ...unwatched)).toBeLessThanOrEqual(coldest);
        expect(kernel.size).toBe(Math.min(read.size, maxWatches, kernelMax));
        expect([...tree.nodesWatched()].sort(byName)).toEqual([...kernel.keys()].sort(byName));
      }
    }),
    {numRuns: Number(process.env.FUSTOR_RUNS ?? 500)},
  );
});

function byName(a: Node, b: Node): number {
  return a.name < b.name ? -1 : 1;
}
