import fc from 'fast-check';
import {beforeEach, expect, test} from 'vitest';
import {openMemoryTree} from '../../test/lib/memory-tree.ts';
import {lineOf, ReplayedTree, type ToldRow} from '../../test/lib/replayed-tree.ts';
import {type ByteString, fromText} from '../entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kindNames, kinds, newEntryFrom} from '../entry/entry.ts';
import {type PackedCursor, packRun} from '../entry/packed.ts';
import {joinPath, type Path} from '../entry/path.ts';
import {rootDirectory, type TreeRead, type TreeStore, type TreeWrite, verdicts} from '../tree/tree-store.ts';
import {type ChangePlace, decodeChangePlace, encodeChangePlace} from './change-place.ts';
import {ChangeReader} from './change-reader.ts';
import {EntryWalk} from './entry-walk.ts';
import {resolve} from './resolve.ts';

let store: TreeStore;
beforeEach(() => {
  store = openMemoryTree();
});

const path = (text: string) => fromText(text) as Path;
const name = (text: string) => fromText(text);

function entry(text: string, kind: Entry['kind'], size = 1): Entry {
  const time = {seconds: 100 + size, nanos: 0};
  return newEntryFrom(name(text), {kind, size, mtime: time, ctime: time});
}

/** Reads up to `max` rows from a place and says from where to go on. */
function readFrom(at: string, {below = '/', max = 1_000} = {}): {rows: ToldRow[]; at: string; isAtEnd: boolean} {
  const reader = new ChangeReader(path(below), decodeChangePlace(at)!);
  const rows: ToldRow[] = [];
  let last = at;
  const isAtEnd = store.read(txn =>
    reader.read(txn, ({json, place}) => {
      rows.push(JSON.parse(json));
      last = place;
      return rows.length < max;
    }),
  ) as boolean;
  return {rows, at: isAtEnd ? encodeChangePlace(reader.place) : last, isAtEnd};
}

const brief = ({change, path, from}: ToldRow) =>
  from === undefined ? `${change} ${path}` : `${change} ${from} → ${path}`;

test('a row says what happened, where, and what is known there now', async () => {
  await store.write(txn => {
    const a = txn.put(rootDirectory, entry('a', kinds.directory)).directory;
    txn.put(a, {...entry('x', kinds.file, 5), isSuspect: true});
    txn.put(a, entry('gone', kinds.file));
  });
  await store.write(txn => {
    txn.remove(2, name('gone'));
    txn.put(2, entry('x', kinds.file, 7));
  });
  const {rows, at} = readFrom('1');
  expect(rows).toEqual([
    {
      seq: 2,
      change: 'created',
      path: '/a/x',
      content_type: 'file',
      size: 7,
      modified_time: 107,
      integrity_suspect: false,
    },
    {seq: 3, change: 'created', path: '/a/gone', content_type: 'file'},
    {seq: 4, change: 'deleted', path: '/a/gone', content_type: 'file'},
    {
      seq: 5,
      change: 'modified',
      path: '/a/x',
      content_type: 'file',
      size: 7,
      modified_time: 107,
      integrity_suspect: false,
    },
  ]);
  expect(at).toBe('memory:5');
});

test('a move within the path is a move; out of it a deletion; into it a creation with all below', async () => {
  await store.write(txn => {
    const [a, b] = ['a', 'b'].map(text => txn.put(rootDirectory, entry(text, kinds.directory)).directory);
    const d = txn.put(a!, entry('d', kinds.directory)).directory;
    const e = txn.put(d, entry('e', kinds.directory)).directory;
    txn.put(e, entry('x', kinds.file));
    txn.put(d, entry('y', kinds.file));
    txn.move({directory: a!, name: name('d')}, {directory: a!, name: name('d2')}, {});
    txn.move({directory: a!, name: name('d2')}, {directory: b!, name: name('d3')}, {});
  });
  expect(readFrom('6').rows.map(brief)).toEqual(['moved /a/d → /a/d2', 'moved /a/d2 → /b/d3']);
  expect(readFrom('6', {below: '/a'}).rows.map(brief)).toEqual(['moved /a/d → /a/d2', 'deleted /a/d2']);
  const into = ['created /b/d3', 'created /b/d3/e', 'created /b/d3/e/x', 'created /b/d3/y'];
  expect(readFrom('6', {below: '/b'}).rows.map(brief)).toEqual(into);
  expect(readFrom('6', {below: '/b/d3/e'}).rows.map(brief)).toEqual(['created /b/d3/e', 'created /b/d3/e/x']);
  expect(readFrom('6', {below: '/a/d/e'}).rows.map(brief)).toEqual(['deleted /a/d/e']);
  expect(readFrom('6', {below: '/c'})).toEqual({rows: [], at: 'memory:8', isAtEnd: true});

  const found: string[] = [];
  for (let next = {at: '6', isAtEnd: false}; !next.isAtEnd; ) {
    const page = readFrom(next.at, {below: '/b', max: 1});
    found.push(...page.rows.map(brief));
    next = page;
  }
  expect(found).toEqual(into);
});

test('what the log does not reach back to is an error that says so, as is what never was', async () => {
  await store.write(txn => void txn.put(rootDirectory, entry('a', kinds.file)));
  expect(() => readFrom('2')).toThrow(expect.objectContaining({code: 'CHANGES_GONE', status: 410}));
});

test('a place of another store is an error, wherever this one is; a bare number is one of any', async () => {
  const place = readFrom('0').at;
  for (const text of ['a', 'b']) await store.write(txn => void txn.put(rootDirectory, entry(text, kinds.file)));
  const gone = expect.objectContaining({code: 'CHANGES_GONE', status: 410});
  expect(readFrom(place).rows).toHaveLength(2);
  store = openMemoryTree('made-anew');
  expect(() => readFrom(place)).toThrow(gone);
  expect(() => readFrom('2')).toThrow(gone);
  for (const text of ['c', 'd']) await store.write(txn => void txn.put(rootDirectory, entry(text, kinds.file)));
  expect(() => readFrom(place)).toThrow(gone);
  expect(readFrom('1')).toMatchObject({rows: [{path: '/d'}], at: 'made-anew:2'});
});

test.each(['', 'x', '-1', ':1', 'x:', 'a b:1', 'x:y', '1.', '1.2.', '1.2.!', '1.2.YQ'])('%j is no place', text => {
  expect(decodeChangePlace(text)).toBeUndefined();
});

const anyName = fc.constantFrom('a', 'b', 'c');
const anyPlace = fc.array(anyName, {minLength: 1, maxLength: 3});
const anyStep = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      place: anyPlace,
      kind: fc.constantFrom(kinds.file, kinds.directory),
      size: fc.nat(9),
    }),
  },
  {weight: 2, arbitrary: fc.record({do: fc.constant('remove' as const), place: anyPlace})},
  {weight: 5, arbitrary: fc.record({do: fc.constant('move' as const), from: anyPlace, to: anyPlace})},
  {
    weight: 2,
    arbitrary: fc.record({do: fc.constant('list' as const), place: anyPlace, names: fc.uniqueArray(anyName)}),
  },
  {weight: 4, arbitrary: fc.record({do: fc.constant('read' as const), max: fc.integer({min: 1, max: 4})})},
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

function directoryOf(txn: TreeRead, names: readonly string[]): DirectoryNumber | undefined {
  const parent = names.slice(0, -1).join('/');
  return resolve(txn, path(`/${parent}`)).entry?.directory || undefined;
}

function change(txn: TreeWrite, step: Exclude<Step, {do: 'read'}>): void {
  const placeOf = (names: readonly string[]) => {
    const directory = directoryOf(txn, names);
    return directory === undefined ? undefined : {directory, name: name(names.at(-1)!)};
  };
  if (step.do === 'move') {
    const [from, to] = [placeOf(step.from), placeOf(step.to)];
    const isNested =
      step.from.join('/').startsWith(step.to.join('/')) || step.to.join('/').startsWith(step.from.join('/'));
    if (from && to && !isNested) txn.move(from, to, {});
    return;
  }
  const place = placeOf(step.place);
  if (!place) return;
  if (step.do === 'put') txn.put(place.directory, entry(place.name, step.kind, step.size));
  if (step.do === 'remove') txn.remove(place.directory, place.name);
  if (step.do === 'list') {
    const directory = txn.entry(place.directory, place.name)?.directory ?? 0;
    const run = packRun(step.names.sort().map((text, i) => entry(text, i === 1 ? kinds.directory : kinds.file, i)));
    const all = {after: undefined, until: undefined};
    if (directory !== 0) txn.merge(directory, all, run, 1, (_, found) => (found ? verdicts.take : verdicts.remove));
  }
}

/** What is at or below a path, as a reader should have it. */
function linesAt(txn: TreeRead, top: Path): string[] {
  const {entry: found} = resolve(txn, top);
  if (!found) return [];
  const lines: string[] = [];
  const add = (at: string, its: Pick<Entry, 'kind' | 'size' | 'mtime' | 'isSuspect'> | PackedCursor) => {
    const content_type = kindNames[its.kind];
    lines.push(
      lineOf(at, {content_type, size: its.size, modified_time: its.mtime.seconds, integrity_suspect: its.isSuspect}),
    );
  };
  add(top, found);
  if (found.directory !== 0) {
    new EntryWalk(found.directory, top).walk(txn, (parent, cursor) => {
      add(joinPath(parent, cursor.name as ByteString), cursor);
      return true;
    });
  }
  return lines.sort();
}

test('who replays the changes from a tree gets the tree, wherever it looks, however it stops and goes on', async () => {
  const anyRun = fc.record({
    below: fc.constantFrom('/', '/a', '/a/b', '/b/a/c'),
    before: fc.array(anyStep, {maxLength: 15}),
    /** While the tree was being read: what was read may be from before or after. */
    during: fc.array(anyStep, {maxLength: 4}),
    steps: fc.array(anyStep, {minLength: 1, maxLength: 40}),
  });
  const write = (step: Step) => (step.do === 'read' ? undefined : store.write(txn => change(txn, step)));
  await fc.assert(
    fc.asyncProperty(anyRun, async ({below, before, during, steps}) => {
      store = openMemoryTree();
      await store.write(txn => void txn.put(0, {...entry('', kinds.directory), directory: rootDirectory}));
      for (const step of before) await write(step);
      const seqFrom = store.read(txn => txn.seq() as never) as number;
      const replayed = new ReplayedTree();
      const half = store.read(txn => copyOf(txn, path(below)) as never) as ReadonlyMap<string, object>;
      for (const step of during) await write(step);
      const rest = store.read(txn => copyOf(txn, path(below)) as never) as ReadonlyMap<string, object>;
      const ahead = store.read(txn => txn.seq() as never) as number;
      const middle = path(below === '/' ? '/b' : `${below}/b`);
      for (const [at, its] of half) if (at < middle) replayed.entries.set(at, its);
      for (const [at, its] of rest) if (at >= middle) replayed.entries.set(at, its);

      let at = encodeChangePlace({store: 'memory', seq: seqFrom, ahead, until: undefined} satisfies ChangePlace);
      const read = (max: number) => {
        const page = readFrom(at, {below, max});
        for (const row of page.rows) replayed.apply(row);
        at = page.at;
        return page.isAtEnd;
      };
      for (const step of steps) {
        if (step.do === 'read') read(step.max);
        else await write(step);
      }
      while (!read(3));
      expect(replayed.lines).toEqual(store.read(txn => linesAt(txn, path(below)) as never));
    }),
    {numRuns: Number(process.env.FUSTOR_RUNS ?? 3_000)},
  );
}, 120_000);

function copyOf(txn: TreeRead, top: Path): ReadonlyMap<string, object> {
  const copy = new ReplayedTree();
  for (const line of linesAt(txn, top)) {
    const [at, content_type, size, modified_time, suspect] = line.split('|') as [
      string,
      string,
      string,
      string,
      string,
    ];
    const row = {content_type, size: Number(size), modified_time: Number(modified_time)};
    copy.entries.set(at, {...row, integrity_suspect: suspect === 'true'});
  }
  return copy.entries;
}
