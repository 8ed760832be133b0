import type {Node} from './watch-tree.ts';

/**
 * Directories with a watch, the one whose last change is oldest on top: a binary heap of 16 bytes a directory. A change only sets
 * the node's `hotAt`, which never goes back; a node's place is put right when it comes to the top. So an event costs nothing
 * here, and an eviction O(log n).
 */
export class ColdestFirst {
  #nodes: Node[] = [];
  /** What `hotAt` was when the node got its place. */
  #keys: number[] = [];

  constructor(nodes: Iterable<Node>) {
    for (const node of nodes) this.add(node);
  }

  get length(): number {
    return this.#nodes.length;
  }

  add(node: Node): void {
    let at = this.#nodes.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#keys[above]! <= node.hotAt) break;
      this.#put(at, this.#nodes[above]!, this.#keys[above]!);
      at = above;
    }
    this.#put(at, node, node.hotAt);
  }

  /** Undefined when there is none. Those that have lost their watch meanwhile are left out. */
  peek(): Node | undefined {
    for (;;) {
      const top = this.#nodes[0];
      if (!top) return undefined;
      if (top.watch === -1) this.pop();
      else if (top.hotAt > this.#keys[0]!) this.#sink(top, top.hotAt);
      else return top;
    }
  }

  /** Takes away the one on top. */
  pop(): void {
    const last = this.#nodes.pop()!;
    const key = this.#keys.pop()!;
    if (this.#nodes.length > 0) this.#sink(last, key);
  }

  /** Puts a node at the top, and then where it belongs. */
  #sink(node: Node, key: number): void {
    const keys = this.#keys;
    const {length} = keys;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= length) break;
      if (below + 1 < length && keys[below + 1]! < keys[below]!) below++;
      if (keys[below]! >= key) break;
      this.#put(at, this.#nodes[below]!, keys[below]!);
      at = below;
    }
    this.#put(at, node, key);
  }

  #put(at: number, node: Node, key: number): void {
    this.#nodes[at] = node;
    this.#keys[at] = key;
  }
}
