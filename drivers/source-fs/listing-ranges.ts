import type {ByteString} from '../../core/entry/byte-string.ts';
import type {Attributes} from '../../core/entry/entry.ts';
import {PackedCursor} from '../../core/entry/packed.ts';
import type {Path} from '../../core/entry/path.ts';
import type {ListingEvent, ScanSource} from '../../core/protocol/events.ts';

/** Entries in one listing event: bounds what a queue and a batch must hold at once. */
const rangeEntriesMax = 4_000;

/** One reading as listing events of a bounded number of entries each. */
export function* rangesOf(
  path: Path,
  source: ScanSource,
  evidence: number,
  {self, run, count}: {self: Attributes; run: Uint8Array; count: number},
): Iterable<ListingEvent> {
  const base = {kind: 'listing', source, path, self, evidence} as const;
  if (count <= rangeEntriesMax) {
    yield {...base, after: undefined, until: undefined, entries: run};
    return;
  }
  const cursor = new PackedCursor(run);
  let after: ByteString | undefined;
  while (!cursor.isAtEnd) {
    const from = cursor.offset;
    let last = cursor.name;
    for (let taken = 0; taken < rangeEntriesMax && !cursor.isAtEnd; taken++) {
      if (taken === rangeEntriesMax - 1) last = cursor.name;
      cursor.next();
    }
    const entries = run.slice(from, cursor.isAtEnd ? undefined : cursor.offset);
    const until: ByteString | undefined = cursor.isAtEnd ? undefined : last;
    yield {...base, after, until, entries};
    after = until;
  }
}
