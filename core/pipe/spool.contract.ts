import {afterEach, describe, expect, test} from 'vitest';
import {move, path, remove, upsert} from '../../test/lib/view.ts';
import {kinds} from '../entry/entry.ts';
import {rootPath} from '../entry/path.ts';
import type {FsEvent} from '../protocol/events.ts';
import type {Spool, SpoolRows} from './spool.ts';

const all = {eventsMax: 1_000, bytesMax: 1e9};
const gap = (at: string): FsEvent => ({kind: 'phase', phase: 'gap', path: path(at), reason: 'x'});
const listing = (at: string, bytes: number): FsEvent => ({
  kind: 'listing',
  source: 'snapshot',
  path: path(at),
  self: {kind: kinds.directory, size: 0, mtime: {seconds: 1, nanos: 2}, ctime: {seconds: 3, nanos: 4}},
  evidence: 5,
  after: undefined,
  until: path('é\xff'),
  entries: new Uint8Array(bytes).fill(7),
});

/** What every spool does. `open` makes an empty one that may hold so many bytes. */
export function spoolContract(name: string, open: (bytesMax: number) => Spool): void {
  describe(name, () => {
    const opened: Spool[] = [];
    afterEach(() => {
      for (const spool of opened.splice(0)) spool.close();
    });
    const newSpool = (bytesMax = 1e9) => {
      const spool = open(bytesMax);
      opened.push(spool);
      return spool;
    };
    const append = (spool: Spool, ...events: FsEvent[]) =>
      spool.change(rows => {
        for (const event of events) rows.append(event);
      });
    const eventsOf = (spool: Spool) =>
      spool.change(rows =>
        rows
          .first(all)
          .map(({event}) => (event.kind === 'listing' ? {...event, entries: Uint8Array.from(event.entries)} : event)),
      );
    const below = (rows: SpoolRows, at: string) =>
      Object.fromEntries([...rows.below(path(at))!].map(told => [told.path, told.mentions.map(({kind}) => kind)]));

    test('events come out as they went in, in their order', () => {
      const spool = newSpool();
      const events: FsEvent[] = [
        upsert('/a\xff', {size: 2 ** 40}),
        move('/a', '/b'),
        remove('/a'),
        listing('/d', 3_000),
        gap('/'),
        {kind: 'phase', phase: 'coverage', watched: 1, known: 2},
        {kind: 'phase', phase: 'unavailable', reason: 'gone'},
        {kind: 'unreadable', source: 'snapshot', path: path('/e'), evidence: 1, error: 'EACCES'},
        {kind: 'unchanged', source: 'audit', path: path('/e'), evidence: 1},
      ];
      append(spool, ...events);
      expect(spool.count).toBe(events.length);
      expect(eventsOf(spool)).toEqual(events);
      expect(spool.bytes).toBeGreaterThan(3_000);
    });

    test('an event that is removed is not there, and one that is replaced keeps its place', () => {
      const spool = newSpool();
      append(spool, upsert('/a'), move('/b', '/c'), upsert('/d'));
      spool.change(rows => {
        const [a, b] = rows.first(all);
        rows.remove(a!.place);
        rows.append(remove('/b'));
        rows.replace(b!.place, remove('/b'));
        expect(rows.at(path('/c'))).toEqual([]);
        expect(rows.at(path('/b')).map(({place}) => place)).toEqual([b!.place, rows.first(all).at(-1)!.place]);
      });
      expect(eventsOf(spool)).toEqual([remove('/b'), upsert('/d'), remove('/b')]);
    });

    test('what speaks of a path and of what is below it is found', () => {
      const spool = newSpool();
      append(spool, upsert('/a/b'), upsert('/a/b/c', {kind: kinds.directory}), move('/a/b/c', '/a b'), remove('/a0/x'));
      spool.change(rows => {
        expect(rows.at(path('/a/b/c')).map(({kind}) => kind)).toEqual(['directory', 'from']);
        expect(rows.at(path('/a'))).toEqual([]);
        expect(below(rows, '/a')).toEqual({'/a/b': ['file'], '/a/b/c': ['directory', 'from']});
        expect(Object.keys(below(rows, '/')).sort()).toEqual(['/a b', '/a/b', '/a/b/c', '/a0/x']);
        expect([rows.renames, rows.gaps]).toEqual([1, 0]);
      });
    });

    test('a path as long as a system call takes is found by itself and from above', () => {
      const spool = newSpool();
      const long = `/a${'/x'.repeat(2_000)}`;
      append(spool, upsert(`${long}/y`), upsert(`${long}/z`));
      spool.change(rows => {
        expect(rows.at(path(`${long}/y`))).toHaveLength(1);
        expect(Object.keys(below(rows, '/a'))).toEqual([`${long}/y`, `${long}/z`]);
        const [first] = rows.first(all);
        rows.remove(first!.place);
        expect(rows.at(path(`${long}/y`))).toEqual([]);
      });
    });

    test('the first events are given up to a number and a size, but at least one', () => {
      const spool = newSpool();
      append(spool, listing('/a', 5_000), listing('/b', 5_000), listing('/c', 5_000));
      const count = (eventsMax: number, bytesMax: number) =>
        spool.change(rows => rows.first({eventsMax, bytesMax}).length);
      expect([count(10, 1e6), count(2, 1e6), count(10, 12_000), count(10, 1)]).toEqual([3, 2, 2, 1]);
    });

    test('the nearest directory of everything', () => {
      const spool = newSpool();
      expect(spool.directory()).toBe(undefined);
      append(spool, {kind: 'phase', phase: 'available'}, upsert('/a/b/c/d'));
      expect(spool.directory()).toBe('/a/b/c');
      append(spool, gap('/a/b/c'), upsert('/a/b/c/e/f'));
      expect(spool.directory()).toBe('/a/b/c');
      append(spool, move('/a/bc/x', '/a/b/y'));
      expect(spool.directory()).toBe('/a');
      append(spool, remove('/z'));
      expect(spool.directory()).toBe(rootPath);
    });

    test('what is more than it may hold is refused, and it goes on after it was cleared', () => {
      const spool = newSpool(200_000);
      const fill = () => {
        for (let n = 0; n < 1_000; n++) append(spool, upsert(`/${n}-${'x'.repeat(200)}`));
      };
      expect(fill).toThrow(expect.objectContaining({code: 'STORE_FULL'}));
      spool.clear();
      expect([spool.count, spool.bytes, spool.directory()]).toEqual([0, 0, undefined]);
      append(spool, remove('/a'));
      expect(eventsOf(spool)).toEqual([remove('/a')]);
    });
  });
}
