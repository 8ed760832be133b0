import type {ByteString} from '../../core/entry/byte-string.ts';
import type {Node} from './watch-tree.ts';

type Flags = {
  /** The name came, went or moved: a look that began before that is out of date. */
  isStructural: boolean;
  /** The directory of this name went: one that stands there now is another. */
  isReplaced: boolean;
};
export type Mark = Flags & {node: Node; name: ByteString; isMoved: boolean};

/** Names that something happened to, to be looked at. Marks of one name are one. */
export class DirtyNames {
  #marks = new Map<Node, Map<ByteString, Flags & {times: number; isMoved: boolean}>>();
  #isRootMarked = false;
  #count = 0;

  get size(): number {
    return this.#count + Number(this.#isRootMarked);
  }

  mark(node: Node, name: ByteString, {isStructural, isReplaced}: Flags): void {
    let names = this.#marks.get(node);
    if (!names) {
      names = new Map();
      this.#marks.set(node, names);
    }
    const known = names.get(name);
    if (known) {
      known.isStructural ||= isStructural;
      known.isReplaced ||= isReplaced;
      known.times++;
      known.isMoved = false;
      return;
    }
    names.set(name, {isStructural, isReplaced, times: 1, isMoved: false});
    this.#count++;
  }

  /** What stood at a marked name is told to have moved: that it has gone needs no telling, if nothing else happened. */
  markMoved(node: Node, name: ByteString): void {
    const known = this.#marks.get(node)?.get(name);
    if (known) known.isMoved = known.times === 1;
  }

  markRoot(): void {
    this.#isRootMarked = true;
  }

  isStructural(node: Node, name: ByteString): boolean {
    return this.#marks.get(node)?.get(name)?.isStructural ?? false;
  }

  /** All marks, in the order in which the directories were first marked; begins anew. */
  take(): Mark[] {
    const taken: Mark[] = [];
    for (const [node, names] of this.#marks) {
      for (const [name, {isStructural, isReplaced, isMoved}] of names) {
        taken.push({node, name, isStructural, isReplaced, isMoved});
      }
    }
    this.#marks = new Map();
    this.#count = 0;
    return taken;
  }

  takeRoot(): boolean {
    const isMarked = this.#isRootMarked;
    this.#isRootMarked = false;
    return isMarked;
  }
}
