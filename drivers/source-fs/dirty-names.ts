import type {ByteString} from '../../core/entry/byte-string.ts';
import type {Ages} from './ages.ts';
import type {Node} from './watch-tree.ts';

type Flags = {
  /** The name came, went or moved: a look that began before that is out of date. */
  isStructural: boolean;
  /** The directory of this name went: one that stands there now is another. */
  isReplaced: boolean;
};

type State = Flags & {
  /** What was told of the name does not hold any more, and the change is not told yet. */
  isStale: boolean;
  times: number;
  isMoved: boolean;
  rounds: number;
  /** Of the oldest change that is not told yet. */
  age: number;
};

export type Mark = Flags & {
  node: Node;
  name: ByteString;
  isMoved: boolean;
  age: number;
  /** How often it was looked at and not told, because the name came, went or moved again meanwhile. */
  rounds: number;
};

/** Names that something happened to, to be looked at. Marks of one name are one. */
export class DirtyNames {
  readonly #ages: Ages;
  #marks = new Map<Node, Map<ByteString, State>>();
  /** Taken and not told yet. */
  #taken = new Map<Node, Map<ByteString, State>>();
  /** Age of the root's mark, and of the one that was taken and is not told yet. */
  #root: number | undefined;
  #takenRoot: number | undefined;
  #count = 0;

  constructor(ages: Ages) {
    this.#ages = ages;
  }

  get size(): number {
    return this.#count + Number(this.#root !== undefined);
  }

  mark(node: Node, name: ByteString, {isStructural = false, isReplaced = false}: Partial<Flags> = {}): void {
    const state = this.#stateOf(node, name);
    state.isStructural ||= isStructural;
    state.isReplaced ||= isReplaced;
    state.isStale ||= isStructural || isReplaced;
    state.times++;
    state.isMoved = false;
  }

  /** Marks again what was taken and could not be told. */
  markAgain({node, name, isReplaced, rounds}: Mark): void {
    const wasStale = this.#taken.get(node)?.get(name)?.isStale ?? false;
    this.mark(node, name, {isReplaced});
    const state = this.#stateOf(node, name);
    state.isStale ||= wasStale;
    state.rounds = rounds + 1;
  }

  markRoot(): void {
    this.#root ??= this.#ages.begin();
  }

  /** A rename was told: what was told of both its names holds again. */
  markMoved(from: {node: Node; name: ByteString}, to: {node: Node; name: ByteString}): void {
    for (const {node, name} of [from, to]) {
      for (const states of [this.#marks, this.#taken]) {
        const state = states.get(node)?.get(name);
        if (state) state.isStale = false;
      }
    }
    // That nothing is there any more needs no telling, if nothing else happened.
    const state = this.#marks.get(from.node)?.get(from.name);
    if (state) state.isMoved = state.times === 1;
  }

  isStructural(node: Node, name: ByteString): boolean {
    return this.#marks.get(node)?.get(name)?.isStructural ?? false;
  }

  isStale(node: Node, name: ByteString): boolean {
    return [this.#marks, this.#taken].some(states => states.get(node)?.get(name)?.isStale);
  }

  /** All marks, in the order in which the directories were first marked; begins anew. Ask `told` when they are. */
  take(): Mark[] {
    const taken: Mark[] = [];
    for (const [node, names] of this.#marks) {
      for (const [name, {isStructural, isReplaced, isMoved, rounds, age}] of names) {
        taken.push({node, name, isStructural, isReplaced, isMoved, rounds, age});
      }
    }
    this.#taken = this.#marks;
    this.#marks = new Map();
    this.#count = 0;
    return taken;
  }

  /** What was taken is told, or marked again. */
  told(): void {
    for (const names of this.#taken.values()) for (const {age} of names.values()) this.#ages.end(age);
    this.#taken = new Map();
    if (this.#takenRoot !== undefined) this.#ages.end(this.#takenRoot);
    this.#takenRoot = undefined;
  }

  takeRoot(): boolean {
    this.#takenRoot = this.#root;
    this.#root = undefined;
    return this.#takenRoot !== undefined;
  }

  #stateOf(node: Node, name: ByteString): State {
    let names = this.#marks.get(node);
    if (!names) {
      names = new Map();
      this.#marks.set(node, names);
    }
    let state = names.get(name);
    if (!state) {
      const age = this.#ages.begin();
      state = {isStructural: false, isReplaced: false, isStale: false, times: 0, isMoved: false, rounds: 0, age};
      names.set(name, state);
      this.#count++;
    } else if (this.#ages.current < state.age) {
      const age = this.#ages.begin();
      this.#ages.end(state.age);
      state.age = age;
    }
    return state;
  }
}
