import type {Path} from '../entry/path.ts';
import {rootPath} from '../entry/path.ts';
import type {FsEvent, UpsertEvent} from '../protocol/events.ts';
import {isRealtime} from '../protocol/events.ts';
import type {SourceEvent} from '../source/source.ts';

/**
 * The queue between a source and a sender, in two lanes.
 *
 * 1. Everything in the realtime lane leaves before anything in the scan lane: a scan event that is bound to its path when
 *    it leaves finds every rename that was seen before it already on its way.
 * 2. The realtime lane keeps the order of events. Upserts of one path are folded into the first of them, as long as no
 *    rename or deletion stands between: what is queued is bounded by what changed, not by how often.
 * 3. Nothing is dropped silently. A full scan lane makes the scan wait. A full realtime lane, whose producer cannot wait,
 *    is emptied, and a gap takes its place: the pipe then plans a rescan.
 */
export class Bus {
  readonly #limits: BusLimits;
  readonly #onEvent: () => void;
  #realtime: FsEvent[] = [];
  /** Where in the lane an upsert of a path may still be folded into. */
  #foldable = new Map<Path, number>();
  #scan: SourceEvent[] = [];
  #scanBytes = 0;
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(limits: BusLimits, onEvent: () => void) {
    this.#limits = limits;
    this.#onEvent = onEvent;
  }

  get length(): number {
    return this.#realtime.length + this.#scan.length;
  }

  /** Takes a realtime or phase event; never waits. False when the lane was full and a gap took its place. */
  emit(event: FsEvent): boolean {
    if (this.#fold(event)) return true;
    const hasRoom = this.#realtime.length < this.#limits.realtimeEventsMax;
    if (!hasRoom) {
      this.#realtime = [];
      this.#foldable.clear();
    }
    this.#realtime.push(hasRoom ? event : overflow);
    this.#onEvent();
    return hasRoom;
  }

  /** Takes scan traffic, and resolves when there is room for more. */
  async offer(event: SourceEvent): Promise<void> {
    this.#scan.push(event);
    this.#scanBytes += byteLength(event);
    this.#onEvent();
    if (this.#isClosed) return this.dropScans();
    if (this.#scanBytes >= this.#limits.scanBytesMax) await new Promise<void>(resolve => this.#waiting.push(resolve));
  }

  /** The next events to send, at most about so many; none when the bus is empty. */
  take({eventsMax, bytesMax}: {eventsMax: number; bytesMax: number}): FsEvent[] {
    const events = this.#realtime.splice(0, eventsMax);
    this.#foldable.clear();
    for (const [index, event] of this.#realtime.entries()) this.#markFoldable(event, index);
    let bytes = events.reduce((sum, event) => sum + byteLength(event), 0);
    let taken = 0;
    while (taken < this.#scan.length && this.#realtime.length === 0 && events.length < eventsMax && bytes < bytesMax) {
      const event = this.#scan[taken++]!;
      const length = byteLength(event);
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

  #fold(event: FsEvent): boolean {
    if (event.kind !== 'upsert') {
      // A rename or deletion may concern any path above or below: nothing before it takes up what comes after it.
      if (isRealtime(event)) this.#foldable.clear();
      return false;
    }
    const index = this.#foldable.get(event.path);
    if (index === undefined) {
      this.#foldable.set(event.path, this.#realtime.length);
      return false;
    }
    // The newest attributes, at the earlier place: what was made later in between does not depend on them.
    this.#realtime[index] = event;
    return true;
  }

  #markFoldable(event: FsEvent, index: number): void {
    if (event.kind === 'upsert') this.#foldable.set((event as UpsertEvent).path, index);
    else if (isRealtime(event)) this.#foldable.clear();
  }
}

export type BusLimits = {realtimeEventsMax: number; scanBytesMax: number};

const overflow: FsEvent = {kind: 'phase', phase: 'gap', path: rootPath, reason: 'the queue of the pipe was full'};

function byteLength(event: SourceEvent): number {
  if (event.kind === 'deferred') return event.byteLength;
  if (event.kind === 'listing') return event.entries.byteLength + event.path.length + 100;
  return ('path' in event ? event.path.length : 0) + 100;
}
