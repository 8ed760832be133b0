import type {Heard} from '../protocol/batch.ts';
import {type Hlc, shiftHlc} from '../time/hlc.ts';

/** For a minute only: the two clocks do not go at the very same pace. */
const bestForMs = 60_000;
/** What was observed that shortly before a value came is bounded by it as well. */
const nearMs = 1_000;
/** As many minutes of a queue that does not get empty. */
const earlierMax = 240;

/**
 * Values of the view's clock that were received. The one that came fastest says most of what is observed about then; but of
 * what waited through an outage only one from before can be told: time in which no engine ran is unknown to the view, and what
 * is not known to be later than a deletion that may be forgotten makes nothing.
 */
export class HeardValues {
  #best: Heard | undefined;
  /** In the order in which they came. */
  #earlier: Heard[] = [];

  hear(hlc: Hlc, at: number): void {
    const best = this.#best;
    if (best && at - best.at < bestForMs && hlc <= shiftHlc(best.hlc, at - best.at)) return;
    if (best && at - best.at >= bestForMs) this.#keep(best);
    this.#best = {hlc, at};
  }

  /** A session was opened again: what is heard from now on may come from another engine. */
  interrupt(): void {
    if (this.#best) this.#keep(this.#best);
    this.#best = undefined;
  }

  /** What comes now is another view's clock. */
  clear(): void {
    this.#best = undefined;
    this.#earlier = [];
  }

  /** The value to tell with events the first of which was observed then. */
  for(observedAt: number | undefined): Heard | undefined {
    const best = this.#best;
    if (observedAt === undefined || !best || observedAt >= best.at - nearMs) return best;
    return this.#earlier.findLast(({at}) => at <= observedAt) ?? best;
  }

  #keep(heard: Heard): void {
    this.#earlier.push(heard);
    if (this.#earlier.length > earlierMax) this.#earlier.shift();
  }
}
