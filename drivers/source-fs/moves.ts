import type {ByteString} from '../../core/entry/byte-string.ts';
import type {Node} from './watch-tree.ts';

/** The first half of a rename. */
export type PendingMove = {
  cookie: number;
  node: Node;
  name: ByteString;
  /** The directory that is being moved, taken out of its place. */
  child: Node | undefined;
  /** As in `Node.writing`. */
  writing: boolean | undefined;
  /** What was told of the old name is not what stood there. */
  isStale: boolean;
  rounds: number;
};

/** The kernel puts both halves into its queue together: one without the other after so many rounds went outside. */
const roundsMax = 1;

/** Renames whose second half has not come yet. */
export class PendingMoves {
  #moves: PendingMove[] = [];

  get size(): number {
    return this.#moves.length;
  }

  add(move: Omit<PendingMove, 'rounds'>): void {
    this.#moves.push({...move, rounds: 0});
  }

  take(cookie: number): PendingMove | undefined {
    const found = this.#moves.find(move => move.cookie === cookie);
    if (found) this.#moves = this.#moves.filter(move => move !== found);
    return found;
  }

  isMoving(node: Node, name: ByteString): boolean {
    return this.#moves.some(move => move.node === node && move.name === name);
  }

  /** Whether a node hangs below one whose new place is not known yet. */
  isInTransit(node: Node): boolean {
    let top = node;
    while (top.parent) top = top.parent;
    return this.#moves.some(({child}) => child === top);
  }

  /** A round of looks is over. Returns the moves that went outside. */
  age(): PendingMove[] {
    for (const move of this.#moves) move.rounds++;
    const gone = this.#moves.filter(({rounds}) => rounds > roundsMax);
    if (gone.length > 0) this.#moves = this.#moves.filter(({rounds}) => rounds <= roundsMax);
    return gone;
  }
}
