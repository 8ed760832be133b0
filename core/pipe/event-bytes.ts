import type {FsEvent} from '../protocol/events.ts';
import type {SourceEvent} from '../source/source.ts';

/** Bytes that an event takes in a batch, about; of one that is bound late, those it takes in memory. */
export function wireBytes(event: SourceEvent): number {
  if (event.kind === 'deferred') return event.byteLength;
  if (event.kind === 'listing') return event.entries.byteLength + event.path.length + 100;
  return ('path' in event ? event.path.length : 0) + 100;
}

/** Bytes that an event takes in memory with what is known of it, about. */
export function memoryBytes(event: FsEvent): number {
  if (event.kind === 'listing') return event.entries.byteLength + event.path.length + 500;
  if (event.kind === 'move') return 2 * (event.from.length + event.to.length) + 800;
  return ('path' in event ? 2 * event.path.length : 0) + 500;
}

/** `isFirst`: one event is within it, however big. */
export type Limit = {eventsMax: number; bytesMax: number; isFirst: boolean};

/** How many of the first events keep within a limit. */
export function countWithin(events: readonly FsEvent[], {eventsMax, bytesMax, isFirst}: Limit): number {
  let bytes = 0;
  let count = 0;
  for (const event of events) {
    bytes += wireBytes(event);
    if (count >= eventsMax || (bytes > bytesMax && !(isFirst && count === 0))) break;
    count++;
  }
  return count;
}
