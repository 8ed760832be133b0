import {isBelow, type Path, rootPath, splitPath} from '../entry/path.ts';
import type {FsEvent} from '../protocol/events.ts';
import {countWithin, type Limit, wireBytes} from './event-bytes.ts';
import {type FoldLimits, fold} from './fold.ts';
import {MemorySpool} from './memory-spool.ts';
import {thrownAway} from './own-gaps.ts';
import type {Spool, SpoolRows} from './spool.ts';

export type LaneLimits = {memoryEventsMax: number; memoryBytesMax: number; renamesMax: number};

/** What was thrown away, and why. */
export type Loss = {path: Path; reason: string; events: number};

/** So much goes to the spool and comes back at a time: some tens of milliseconds of work. */
const chunk = {eventsMax: 2_000, bytesMax: 2 ** 20};

/**
 * Realtime events on their way, in their order: what was taken back from the spool, then the spool, then what is in memory.
 *
 * 1. Memory is bounded: what has no room goes to the spool, the oldest first.
 * 2. What the spool cannot take is not lost silently: everything behind what was taken back goes, and one gap takes its place.
 */
export class RealtimeLane {
  readonly #limits: LaneLimits;
  readonly #spool: Spool;
  readonly #onLoss: (loss: Loss) => void;
  readonly #memory = new MemorySpool();
  #next: FsEvent[] = [];

  constructor(limits: LaneLimits, spool: Spool, onLoss: (loss: Loss) => void) {
    this.#limits = limits;
    this.#spool = spool;
    this.#onLoss = onLoss;
  }

  get length(): number {
    return this.#next.length + this.#spool.count + this.#memory.count;
  }

  get spooled(): {events: number; bytes: number} {
    return {events: this.#spool.count, bytes: this.#spool.bytes};
  }

  emit(event: FsEvent): void {
    this.#memory.change(rows => fold(rows, event, exact));
    while (this.#isFull) this.#spill();
  }

  /** At least one event, if there is any; then at most so many, and about so many bytes on the wire. */
  take({eventsMax, bytesMax}: {eventsMax: number; bytesMax: number}): FsEvent[] {
    const taken: FsEvent[] = [];
    let bytes = 0;
    while (taken.length < eventsMax) {
      if (this.#next.length === 0) this.#fetch();
      const limit = {eventsMax: eventsMax - taken.length, bytesMax: bytesMax - bytes, isFirst: taken.length === 0};
      const events = this.#next.length > 0 ? this.#takeNext(limit) : takeFrom(this.#memory, limit);
      if (events.length === 0) break;
      for (const event of events) bytes += wireBytes(event);
      taken.push(...events);
    }
    return taken;
  }

  get #isFull(): boolean {
    const {memoryEventsMax, memoryBytesMax} = this.#limits;
    return this.#memory.count > memoryEventsMax || this.#memory.bytes > memoryBytesMax;
  }

  #spill(): void {
    const first = this.#memory.first(chunk);
    this.#trySpool(rows => {
      for (const {event} of first) fold(rows, event, this.#limits);
    });
    // After a loss there is nothing left of them.
    for (const {place} of first) if (this.#memory.has(place)) this.#memory.remove(place);
  }

  /** What is taken back is folded with nothing any more. */
  #fetch(): void {
    if (this.#spool.count === 0) return;
    this.#trySpool(rows => {
      this.#next = rows.first(chunk).map(({place, event}) => {
        rows.remove(place);
        return event;
      });
    });
    if (this.#spool.count === 0) this.#spool.clear();
  }

  #takeNext(limit: Limit): FsEvent[] {
    return this.#next.splice(0, countWithin(this.#next, limit));
  }

  #trySpool(body: (rows: SpoolRows) => void): void {
    const events = this.#spool.count + this.#memory.count;
    try {
      this.#spool.change(body);
    } catch (error) {
      const path = commonDirectory(this.#memory.directory(), this.#spool.directory()) ?? rootPath;
      const reason = `${thrownAway}: ${error instanceof Error ? error.message : String(error)}`;
      this.#spool.clear();
      this.#memory.clear();
      this.#memory.append({kind: 'phase', phase: 'gap', path, reason});
      this.#onLoss({path, reason, events});
    }
  }
}

/** In memory nothing is given up for room. */
const exact: FoldLimits = {renamesMax: Number.POSITIVE_INFINITY};

function takeFrom(queue: MemorySpool, limit: Limit): FsEvent[] {
  const first = queue.first({eventsMax: limit.eventsMax, bytesMax: Number.POSITIVE_INFINITY});
  const events = first.map(({event}) => event);
  const count = countWithin(events, limit);
  for (const {place} of first.slice(0, count)) queue.remove(place);
  return events.slice(0, count);
}

function commonDirectory(a: Path | undefined, b: Path | undefined): Path | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  let common = a;
  while (common !== b && !isBelow(b, common)) common = splitPath(common).parent;
  return common;
}
