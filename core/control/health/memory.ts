import type {ControlStore, ControlWrite} from '../control-store.ts';

/** `mark`: what it was that began then; another one has begun later. */
type Noted = {since: number; mark: string};
/** `at` is on the monotonic clock; what was stored began before. */
type Held = Noted & {at: number};

/** A node that was heard until this controller was started again is heard within this time. */
const graceMs = 90_000;

/**
 * Since when something is as it is. Table `health`: key → `Noted`.
 *
 * 1. What is kept is written when it begins and when it is over, never in between, so a heartbeat costs nothing.
 * 2. What was kept begins no second time after a restart of the controller; until everybody can have been heard again,
 *    nothing is over.
 */
export class HealthMemory {
  readonly #store: ControlStore;
  readonly #held = new Map<string, Held>();
  readonly #startedAt: number;
  /** What the store has. */
  readonly #stored: Map<string, Noted>;
  /** What it should have. */
  #wanted = new Map<string, Noted>();

  constructor(store: ControlStore, startedAt: number) {
    this.#store = store;
    this.#startedAt = startedAt;
    const rows = store.read(txn => txn.records<Noted>('health'));
    this.#stored = new Map(rows.map(({key, value}) => [key, value]));
    for (const [key, noted] of this.#stored) {
      this.#held.set(key, {...noted, at: Number.NEGATIVE_INFINITY});
      this.#wanted.set(key, noted);
    }
  }

  /** One look: `now` on the wall and `at` on the monotonic clock. What is not noted in it is over when the look ends. */
  look({now, at}: {now: number; at: number}): Look {
    const seen = new Set<string>();
    return {
      note: (key, {mark, since}) => {
        seen.add(key);
        const known = this.#held.get(key);
        const isSame = known?.mark === mark && (since === undefined || since === known.since);
        if (isSame) return {since: known.since, forMs: at - known.at};
        const held = {since: since ?? now, mark, at};
        this.#held.set(key, held);
        this.#wanted.delete(key);
        return {since: held.since, forMs: 0};
      },
      keep: key => {
        const {since, mark} = this.#held.get(key)!;
        if (!this.#wanted.has(key)) this.#wanted.set(key, {since, mark});
      },
      end: () => {
        if (at - this.#startedAt < graceMs) return;
        for (const key of [...this.#held.keys()]) {
          if (seen.has(key)) continue;
          this.#held.delete(key);
          this.#wanted.delete(key);
        }
      },
    };
  }

  /** Stores what has begun and what is over. Rejects with STORE_FULL; it is tried again with the next call. */
  async save(): Promise<void> {
    const wanted = new Map(this.#wanted);
    const gone = [...this.#stored.keys()].filter(key => !wanted.has(key));
    const changed = [...wanted].filter(([key, {since, mark}]) => {
      const stored = this.#stored.get(key);
      return stored?.since !== since || stored.mark !== mark;
    });
    if (gone.length === 0 && changed.length === 0) return;
    await this.#store.write(txn => write(txn, {gone, changed}));
    for (const key of gone) this.#stored.delete(key);
    for (const [key, noted] of changed) this.#stored.set(key, noted);
  }
}

export type Look = {
  /** `since` and `mark` count when it begins. `forMs`: how long it has been so, Infinity for what a restart has survived. */
  note(key: string, begins: {mark: string; since?: number | undefined}): {since: number; forMs: number};
  /** It is worth remembering across a restart. */
  keep(key: string): void;
  end(): void;
};

function write(txn: ControlWrite, {gone, changed}: {gone: string[]; changed: [string, Noted][]}): void {
  for (const key of gone) txn.removeRecord('health', key);
  for (const [key, noted] of changed) txn.putRecord('health', key, noted);
}
