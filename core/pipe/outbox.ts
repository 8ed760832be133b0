import {type FsEvent, isRealtime} from '../protocol/events.ts';
import type {ToldUntil} from '../protocol/session.ts';

export type OutgoingBatch = {
  number: number;
  events: readonly FsEvent[];
  bytes: Uint8Array;
  toldUntil?: ToldUntil | undefined;
};

/**
 * Batches that were sent and are not confirmed: a small window. They stay here until the view says that they are stored,
 * so after a lost connection the same bytes are sent again under the same number.
 */
export class Outbox {
  #batches: OutgoingBatch[] = [];
  #lastNumber = 0;
  #confirmedUpTo = 0;

  get length(): number {
    return this.#batches.length;
  }

  /** Number of the first one. */
  get first(): number | undefined {
    return this.#batches[0]?.number;
  }

  /** Number of the last one that was made. */
  get last(): number {
    return this.#lastNumber;
  }

  /** Highest number that was confirmed in this session. */
  get confirmedUpTo(): number {
    return this.#confirmedUpTo;
  }

  get eventCount(): number {
    return this.#batches.reduce((sum, {events}) => sum + events.length, 0);
  }

  add(events: readonly FsEvent[], encode: (number: number) => Uint8Array, toldUntil?: ToldUntil): OutgoingBatch {
    const number = ++this.#lastNumber;
    const batch = {number, events, bytes: encode(number), toldUntil};
    this.#batches.push(batch);
    return batch;
  }

  get realtimeCount(): number {
    return this.#batches.reduce((sum, {events}) => sum + events.filter(isRealtime).length, 0);
  }

  /** Returns what is confirmed by that. */
  confirm(number: number): readonly OutgoingBatch[] {
    return this.#take(batch => batch.number === number);
  }

  /** The view stored everything up to here, also where its confirmation was lost. */
  confirmUntil(number: number): readonly OutgoingBatch[] {
    return this.#take(batch => batch.number <= number);
  }

  pending(): readonly OutgoingBatch[] {
    return this.#batches;
  }

  /** For a new session, perhaps with another clock: the same events, numbered from 1 again. */
  restart(encode: (number: number, events: readonly FsEvent[]) => Uint8Array): void {
    this.#batches = this.#batches.map(({events}, index) => ({
      number: index + 1,
      events,
      bytes: encode(index + 1, events),
    }));
    this.#lastNumber = this.#batches.length;
    this.#confirmedUpTo = 0;
  }

  #take(isConfirmed: (batch: OutgoingBatch) => boolean): readonly OutgoingBatch[] {
    const confirmed = this.#batches.filter(isConfirmed);
    this.#batches = this.#batches.filter(batch => !isConfirmed(batch));
    this.#confirmedUpTo = Math.max(this.#confirmedUpTo, ...confirmed.map(({number}) => number));
    return confirmed;
  }
}
