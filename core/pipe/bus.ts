import type {FsEvent} from '../protocol/events.ts';
import type {SourceEvent} from '../source/source.ts';
import {wireBytes} from './event-bytes.ts';
import {type LaneLimits, type Loss, RealtimeLane} from './realtime-lane.ts';
import type {Spool} from './spool.ts';

/**
 * The queue between a source and a sender, in two lanes.
 *
 * 1. Everything in the realtime lane leaves before anything in the scan lane: a scan event that is bound to its path when
 *    it leaves finds every rename that was seen before it already on its way.
 * 2. The realtime lane keeps the order of events, and takes out what later ones make superfluous (`fold.ts`): what waits is
 *    bounded by what changed, not by how often. What has no room in memory goes to the spool.
 * 3. Nothing is dropped silently. A full scan lane makes the scan wait. The realtime lane, whose producer cannot wait, is
 *    emptied when the spool can take no more, and a gap takes its place (`own-gaps.ts`).
 */
export class Bus {
  readonly #limits: BusLimits;
  readonly #onEvent: () => void;
  readonly #realtime: RealtimeLane;
  #scan: SourceEvent[] = [];
  #scanBytes = 0;
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(limits: BusLimits, {spool, onEvent, onLoss}: BusParts) {
    this.#limits = limits;
    this.#onEvent = onEvent;
    this.#realtime = new RealtimeLane(limits, spool, onLoss);
  }

  get length(): number {
    return this.#realtime.length + this.#scan.length;
  }

  /** Of what waits of scans, about. */
  get scanBytes(): number {
    return this.#scanBytes;
  }

  get realtimeLength(): number {
    return this.#realtime.length;
  }

  /** What of that waits on the disk. */
  get spooled(): {events: number; bytes: number} {
    return this.#realtime.spooled;
  }

  /** Takes a realtime or phase event; never waits. */
  emit(event: FsEvent): void {
    this.#realtime.emit(event);
    this.#onEvent();
  }

  /** Takes scan traffic, and resolves when there is room for more. */
  async offer(event: SourceEvent): Promise<void> {
    this.#scan.push(event);
    this.#scanBytes += wireBytes(event);
    this.#onEvent();
    if (this.#isClosed) return this.dropScans();
    if (this.#scanBytes >= this.#limits.scanBytesMax) await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  /** The next events to send, at most about so many and about so long; none when the bus is empty. */
  take({eventsMax, bytesMax}: {eventsMax: number; bytesMax: number}): FsEvent[] {
    const events = this.#realtime.take({eventsMax, bytesMax});
    let bytes = events.reduce((sum, event) => sum + wireBytes(event), 0);
    let taken = 0;
    while (taken < this.#scan.length && this.#realtime.length === 0 && events.length < eventsMax && bytes < bytesMax) {
      const event = this.#scan[taken++]!;
      const length = wireBytes(event);
      this.#scanBytes -= length;
      bytes += length;
      const resolved = event.kind === 'deferred' ? event.resolve() : event;
      if (resolved) events.push(resolved);
    }
    this.#scan.splice(0, taken);
    if (this.#scanBytes < this.#limits.scanBytesMax) for (const resume of this.#waiting.splice(0)) resume();
    return events;
  }

  /** Throws away what waits of scans, for a pipe that does not lead any more. */
  dropScans(): void {
    this.#scan = [];
    this.#scanBytes = 0;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Nobody will take any more: whoever waits for room goes on. */
  close(): void {
    this.#isClosed = true;
    this.dropScans();
  }
}

export type BusLimits = LaneLimits & {scanBytesMax: number};
/** `onLoss` is called when realtime events were thrown away. */
export type BusParts = {spool: Spool; onEvent: () => void; onLoss: (loss: Loss) => void};
