import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import {expect, test} from 'vitest';
import {fromText} from '../core/entry/byte-string.ts';
import {RealtimeLane} from '../core/pipe/realtime-lane.ts';
import type {FsEvent} from '../core/protocol/events.ts';
import {Prng} from '../test/lib/prng.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {listing, remove, upsert} from '../test/lib/view.ts';
import {openSpool} from './spool-store.ts';

/** As in `core/pipe/pipe.ts`, but a tenth of the memory. */
const limits = {memoryEventsMax: 5_000, memoryBytesMax: 1.6 * 2 ** 20, renamesMax: 8};
/** `FUSTOR_SPOOL_SCALE=10` is three million events of 300,000 files; takes minutes. */
const scale = Number(process.env.FUSTOR_SPOOL_SCALE ?? 0.25);
const pushes = 300_000 * scale;
const paths = 30_000 * scale;

test('a view that is away costs memory for some thousand events, and disk for each path that changed', {
  timeout: 600_000,
}, () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  using folder = temporaryFolder();
  const spool = openSpool(folder.path, {bytesMax: 2 ** 30});
  const lane = new RealtimeLane(limits, spool, ({reason}) => expect.unreachable(reason));
  const random = new Prng(1);
  const last = new Map<string, number>();
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let n = 1; n <= pushes; n++) {
    const path = `/project-${random.below(paths) % 100}/some-file-${random.below(paths / 100)}.data`;
    const isRemoved = random.below(10) === 0;
    last.set(path, isRemoved ? 0 : n);
    lane.emit(isRemoved ? remove(path) : upsert(path, {size: n}));
  }
  const waiting = lane.length;
  collect();
  const heap = process.memoryUsage().heapUsed - before - last.size * 150;
  expect({waiting: waiting <= 2 * last.size + limits.memoryEventsMax, heap: heap < 16 * 2 ** 20}).toEqual({
    waiting: true,
    heap: true,
  });
  expect(lane.spooled.events).toBeGreaterThan(paths / 2);
  const told = new Map<string, number>();
  for (;;) {
    const events = lane.take({eventsMax: 2_000, bytesMax: 2 ** 20});
    if (events.length === 0) break;
    for (const event of events) {
      if (event.kind === 'upsert') told.set(event.path, event.attributes.size);
      if (event.kind === 'delete') told.set(event.path, 0);
    }
  }
  expect(told).toEqual(last);
  spool.close();
});

test('a new directory of very many names is told from the disk, range by range', () => {
  using folder = temporaryFolder();
  const lane = new RealtimeLane(limits, openSpool(folder.path, {bytesMax: 2 ** 30}), ({reason}) =>
    expect.unreachable(reason),
  );
  const range = 250_000;
  const ranges = 60;
  for (let n = 0; n < ranges; n++) {
    const after = n === 0 ? undefined : fromText(`name-${n - 1}`);
    const until = n === ranges - 1 ? undefined : fromText(`name-${n}`);
    lane.emit({...listing('/d', {}, 1), after, until, entries: new Uint8Array(range)} as FsEvent);
  }
  expect((lane.length - lane.spooled.events) * range).toBeLessThanOrEqual(limits.memoryBytesMax);
  const told: FsEvent[] = [];
  while (lane.length > 0) {
    const events = lane.take({eventsMax: 2_000, bytesMax: 2 ** 20});
    expect(events.length * range).toBeLessThanOrEqual(2 ** 20);
    told.push(...events);
  }
  expect(told.map(event => event.kind === 'listing' && event.until)).toEqual(
    Array.from({length: ranges}, (_, n) => (n === ranges - 1 ? undefined : `name-${n}`)),
  );
});
