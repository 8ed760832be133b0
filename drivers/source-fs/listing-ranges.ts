import type {ByteString} from '../../core/entry/byte-string.ts';
import type {Attributes} from '../../core/entry/entry.ts';
import {PackedCursor} from '../../core/entry/packed.ts';
import type {Path} from '../../core/entry/path.ts';
import type {ListingEvent, ScanSource} from '../../core/protocol/events.ts';
import type {Hlc} from '../../core/time/hlc.ts';

/** One reading as listing events, one for each run. Takes the runs away, so that none is kept longer than its event. */
export function* rangesOf(
  path: Path,
  source: ScanSource,
  evidence: Hlc,
  {self, runs}: {self: Attributes; runs: Uint8Array[]},
): Iterable<ListingEvent> {
  let after: ByteString | undefined;
  for (let entries = runs.shift(); entries; entries = runs.shift()) {
    const until = runs.length === 0 ? undefined : lastName(entries);
    yield {kind: 'listing', source, path, self, evidence, after, until, entries};
    after = until;
  }
}

function lastName(run: Uint8Array): ByteString | undefined {
  let last: ByteString | undefined;
  for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) last = cursor.name;
  return last;
}
