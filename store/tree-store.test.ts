import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import fc from 'fast-check';
import {afterEach, expect, test} from 'vitest';
import {type ByteString, fromBytes, fromText} from '../core/entry/byte-string.ts';
import {compareTimes, type DirectoryNumber, type Entry, type Kind, kinds, newEntryFrom} from '../core/entry/entry.ts';
import {PackedCursor, packRun} from '../core/entry/packed.ts';
import {
  aboveRoot,
  rootDirectory,
  rootName,
  type Totals,
  type TreeRead,
  type TreeStore,
  type TreeWrite,
  verdicts,
} from '../core/tree/tree-store.ts';
import {openTreeReader, openTreeStore} from './tree-store.ts';

const folders: string[] = [];
const folder = () => folders[folders.push(mkdtempSync(join(tmpdir(), 'fustor-store-'))) - 1]!;
afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, {recursive: true, force: true});
});

const name = (text: string) => fromText(text);
function entry(text: ByteString | string, kind: Kind = kinds.file, changes: Partial<Entry> = {}): Entry {
  const attributes = {kind, size: 10, mtime: {seconds: 100, nanos: 5}, ctime: {seconds: 200, nanos: 7}};
  return {...newEntryFrom(text as ByteString, attributes), ...changes};
}
const takeAll = (stored: PackedCursor | undefined, listed: PackedCursor | undefined) =>
  listed ? verdicts.take : stored ? verdicts.remove : verdicts.keep;
const everything = {after: undefined, until: undefined};

function namesIn(txn: TreeRead, directory: DirectoryNumber): string[] {
  const names: string[] = [];
  for (const run of txn.runs(directory)) {
    for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) names.push(cursor.name);
  }
  return names;
}

test('a new store has a root of which nothing is known', async () => {
  const store = await openTreeStore(folder());
  store.read(txn => {
    expect(txn.entry(aboveRoot, rootName)).toMatchObject({directory: rootDirectory, hasAttributes: false});
    expect(txn.directory(rootDirectory)).toMatchObject({listedAt: 0, totals: {files: 0, unlisted: 0}});
    expect(txn.seq()).toBe(0);
  });
  await store.close();
});

test('what was written is there after reopening, and a reader sees it from the moment it was committed', async () => {
  const path = folder();
  const reader = openTreeReader(path);
  expect(reader.read(txn => txn.entry(rootDirectory, name('a')))).toBeUndefined();
  let store = await openTreeStore(path);
  await store.write(txn => {
    txn.put(rootDirectory, entry('a', kinds.directory));
    txn.putState('x', {n: 1});
  });
  await new Promise(resolve => setTimeout(resolve, 60)); // a reader looks for a new store only so often
  expect(reader.read(txn => txn.entry(rootDirectory, name('a')))).toMatchObject({directory: 2});
  await store.close();
  store = await openTreeStore(path);
  expect(store.read(txn => txn.entry(rootDirectory, name('a')))).toMatchObject({directory: 2});
  expect(store.read(txn => txn.state('x'))).toEqual({n: 1});
  await store.close();
  await reader.close();
});

test('a body that throws leaves nothing behind, and its neighbours stay', async () => {
  const store = await openTreeStore(folder());
  const before = store.write(txn => void txn.put(rootDirectory, entry('before')));
  const broken = store.write(txn => {
    txn.put(rootDirectory, entry('broken', kinds.directory));
    txn.putState('broken', 1);
    throw new Error('on purpose');
  });
  const after = store.write(txn => txn.put(rootDirectory, entry('later', kinds.directory)).directory);
  await expect(broken).rejects.toThrow('on purpose');
  await before;
  expect(await after).toBe(2);
  store.read(txn => {
    expect(namesIn(txn, rootDirectory)).toEqual(['before', 'later']);
    expect(txn.state('broken')).toBeUndefined();
    expect(txn.directory(rootDirectory)!.totals).toMatchObject({files: 1, directories: 1, unlisted: 1});
  });
  await store.close();
});

test('a second writer is refused, and let in when the first has gone', async () => {
  const path = folder();
  const store = await openTreeStore(path);
  await expect(openTreeStore(path)).rejects.toThrow('another process');
  await store.close();
  await (await openTreeStore(path)).close();
});

test('a listing that says what is known writes nothing', async () => {
  const store = await openTreeStore(folder());
  const run = packRun(Array.from({length: 500}, (_, i) => entry(`f${String(i).padStart(4, '0')}`)));
  await store.write(txn => txn.merge(rootDirectory, everything, run, 3, takeAll));
  const seq = store.read(txn => txn.seq());
  expect(seq).toBe(500);
  await store.write(txn => txn.merge(rootDirectory, everything, run, 3, () => verdicts.keep));
  expect(store.read(txn => txn.seq())).toBe(seq);
  await store.close();
});

test('a directory that is renamed keeps its number and subtree, and all totals are right', async () => {
  const store = await openTreeStore(folder());
  await store.write(txn => {
    const a = txn.put(rootDirectory, entry('a', kinds.directory)).directory;
    const b = txn.put(rootDirectory, entry('b', kinds.directory)).directory;
    const deep = txn.put(a, entry('deep', kinds.directory)).directory;
    txn.put(deep, entry('f', kinds.file, {isSuspect: true}));
    const moved = txn.move({directory: a, name: name('deep')}, {directory: b, name: name('d2')}, {realtimeAt: 5});
    expect(moved).toMatchObject({directory: deep, realtimeAt: 5});
    expect(txn.directory(deep)).toMatchObject({parent: b, name: 'd2'});
    expect(txn.directory(a)!.totals).toMatchObject({files: 0, directories: 0, suspects: 0, unlisted: 0});
    expect(txn.directory(b)!.totals).toMatchObject({files: 1, directories: 1, suspects: 1, unlisted: 1});
    expect(() => txn.move({directory: rootDirectory, name: name('b')}, {directory: deep, name: name('x')}, {})).toThrow(
      'below itself',
    );
  });
  await store.close();
});

test('the space of a removed subtree is freed bit by bit', async () => {
  const store = await openTreeStore(folder());
  await store.write(txn => {
    let at = txn.put(rootDirectory, entry('top', kinds.directory)).directory;
    for (let depth = 0; depth < 50; depth++) {
      txn.put(at, entry('file'));
      at = txn.put(at, entry('next', kinds.directory)).directory;
    }
    txn.remove(rootDirectory, name('top'));
    expect(txn.directory(rootDirectory)!.totals).toMatchObject({files: 0, directories: 0, bytes: 0, unlisted: 0});
  });
  let rounds = 1;
  while (await store.write(txn => txn.collect(7))) rounds++;
  expect(rounds).toBeGreaterThan(5);
  expect(store.read(txn => [...Array(60).keys()].map(n => txn.directory(n + 2)).filter(Boolean))).toEqual([]);
  await store.close();
});

// ── Against a model

type ModelDirectory = {
  number: number;
  entries: Map<ByteString, Entry>;
  listedAt: number;
  unreadable: string | undefined;
};

/** The plainest tree there is: objects, and totals by recounting. */
class Model {
  readonly directories = new Map<number, ModelDirectory>();
  next = 2;
  constructor() {
    this.directories.set(aboveRoot, this.#make(aboveRoot));
    this.directories.set(rootDirectory, this.#make(rootDirectory));
  }
  clone(): Model {
    const copy = new Model();
    copy.next = this.next;
    copy.directories.clear();
    for (const [n, d] of this.directories) copy.directories.set(n, {...d, entries: new Map(d.entries)});
    return copy;
  }
  #make(number: number): ModelDirectory {
    return {number, entries: new Map(), listedAt: 0, unreadable: undefined};
  }
  put(directory: number, e: Entry): void {
    const d = this.directories.get(directory)!;
    const stored = d.entries.get(e.name);
    let number = 0;
    if (e.kind === kinds.directory) {
      number = e.directory || stored?.directory || this.next++;
      if (!this.directories.has(number)) this.directories.set(number, this.#make(number));
    }
    if (stored?.directory && stored.directory !== number) this.#drop(stored.directory);
    d.entries.set(e.name, {...e, directory: number});
  }
  remove(directory: number, n: ByteString): void {
    const d = this.directories.get(directory)!;
    const stored = d.entries.get(n);
    if (stored?.directory) this.#drop(stored.directory);
    d.entries.delete(n);
  }
  #drop(number: number): void {
    for (const e of this.directories.get(number)!.entries.values()) if (e.directory) this.#drop(e.directory);
    this.directories.delete(number);
  }
  isAtOrBelow(directory: number, ancestor: number): boolean {
    if (directory === ancestor) return true;
    const top = this.directories.get(ancestor);
    return [...(top?.entries.values() ?? [])].some(e => e.directory !== 0 && this.isAtOrBelow(directory, e.directory));
  }
  totals(number: number): Omit<Totals, 'newestChange' | 'newestRealtimeAt'> {
    const sum = {files: 0, directories: 0, others: 0, bytes: 0, unlisted: 0, unreadable: 0, suspects: 0, blindSpots: 0};
    for (const e of this.directories.get(number)!.entries.values()) {
      if (e.kind === kinds.file) {
        sum.files++;
        sum.bytes += e.size;
      } else if (e.kind === kinds.directory) sum.directories++;
      else sum.others++;
      if (e.isSuspect) sum.suspects++;
      if (e.isBlindSpot) sum.blindSpots++;
      if (!e.directory) continue;
      const d = this.directories.get(e.directory)!;
      if (d.listedAt === 0 && d.unreadable !== 'EXDEV') sum.unlisted++;
      if (d.unreadable !== undefined && d.unreadable !== 'EXDEV') sum.unreadable++;
      const below = this.totals(e.directory);
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += below[key];
    }
    return sum;
  }
}

const anyName = fc.oneof(
  {weight: 6, arbitrary: fc.nat(60).map(n => name(`n${n}`))},
  {weight: 2, arbitrary: fc.nat(8).map(n => `${'x'.repeat(250)}${n}` as ByteString)},
  {weight: 1, arbitrary: fc.nat(5).map(n => fromBytes(Buffer.from([0xff, 0x80 + n])))},
);
const anyEntry = fc.record({
  name: anyName,
  kind: fc.constantFrom(...Object.values(kinds)),
  size: fc.nat(2 ** 31),
  seconds: fc.integer({min: -1000, max: 2 ** 33}),
  realtimeAt: fc.constantFrom(0, 0, 12345, 2 ** 50),
  agent: fc.nat(3),
  isSuspect: fc.boolean(),
  isBlindSpot: fc.boolean(),
});
type AnyEntry = Omit<Entry, 'mtime' | 'ctime' | 'hasAttributes' | 'directory'> & {seconds: number};
const toEntry = ({seconds, ...rest}: AnyEntry): Entry => ({
  ...rest,
  mtime: {seconds, nanos: 1},
  ctime: {seconds, nanos: 999_999_999},
  hasAttributes: true,
  directory: 0,
});
const operation = fc.oneof(
  fc.record({op: fc.constant('put' as const), at: fc.nat(), entry: anyEntry}),
  fc.record({op: fc.constant('remove' as const), at: fc.nat(), name: anyName}),
  fc.record({op: fc.constant('move' as const), at: fc.nat(), name: anyName, to: fc.nat(), toName: anyName}),
  fc.record({
    op: fc.constant('merge' as const),
    at: fc.nat(),
    entries: fc.array(anyEntry, {maxLength: 120}),
    range: fc.tuple(fc.option(anyName, {nil: undefined}), fc.option(anyName, {nil: undefined})),
    verdict: fc.constantFrom(verdicts.take, verdicts.take | verdicts.suspect, verdicts.keep),
  }),
  fc.record({
    op: fc.constant('list' as const),
    at: fc.nat(),
    listedAt: fc.nat(),
    error: fc.constantFrom(undefined, 'EACCES', 'EXDEV'),
  }),
  fc.record({op: fc.constant('collect' as const), blocks: fc.integer({min: 1, max: 5})}),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function apply(txn: TreeWrite, model: Model, operation: Operation): void {
  const numbers = [...model.directories.keys()].filter(n => n !== aboveRoot);
  const at = numbers[('at' in operation ? operation.at : 0) % numbers.length]!;
  switch (operation.op) {
    case 'put':
      txn.put(at, toEntry(operation.entry));
      model.put(at, toEntry(operation.entry));
      return;
    case 'remove':
      txn.remove(at, operation.name);
      model.remove(at, operation.name);
      return;
    case 'move': {
      const to = numbers[operation.to % numbers.length]!;
      const from = model.directories.get(at)!.entries.get(operation.name);
      const target = model.directories.get(to)!.entries.get(operation.toName);
      const isSame = at === to && operation.name === operation.toName;
      if (from?.directory && model.isAtOrBelow(to, from.directory)) return;
      if (target?.directory && !isSame && model.isAtOrBelow(at, target.directory)) return;
      txn.move({directory: at, name: operation.name}, {directory: to, name: operation.toName}, {realtimeAt: 99});
      if (!from) return;
      if (!isSame) {
        model.remove(to, operation.toName);
        model.directories.get(at)!.entries.delete(operation.name);
      }
      model.put(to, {...from, name: operation.toName, realtimeAt: 99});
      return;
    }
    case 'merge': {
      const [a, b] = operation.range;
      const [after, until] = a !== undefined && b !== undefined && a > b ? [b, a] : [a, b];
      const inRange = (n: ByteString) => (after === undefined || n > after) && (until === undefined || n <= until);
      const byName = new Map<ByteString, Entry>();
      for (const raw of operation.entries) {
        if (inRange(raw.name))
          byName.set(raw.name, {...toEntry(raw), realtimeAt: 0, agent: 0, isSuspect: false, isBlindSpot: false});
      }
      const listed = [...byName.values()].sort((x, y) => (x.name < y.name ? -1 : 1));
      txn.merge(at, {after, until}, packRun(listed), 2, (stored, found) =>
        found ? operation.verdict : stored ? verdicts.remove : verdicts.keep,
      );
      const d = model.directories.get(at)!;
      for (const n of [...d.entries.keys()]) if (inRange(n) && !byName.has(n)) model.remove(at, n);
      if (operation.verdict === verdicts.keep) return;
      for (const e of listed) {
        const isSuspect = (operation.verdict & verdicts.suspect) !== 0;
        model.put(at, {...e, agent: 2, realtimeAt: d.entries.get(e.name)?.realtimeAt ?? 0, isSuspect});
      }
      return;
    }
    case 'list': {
      txn.setDirectory(at, {listedAt: operation.listedAt, unreadable: operation.error});
      Object.assign(model.directories.get(at)!, {listedAt: operation.listedAt, unreadable: operation.error});
      return;
    }
    case 'collect':
      txn.collect(operation.blocks);
  }
}

function compare(txn: TreeRead, model: Model): void {
  for (const {number, entries} of model.directories.values()) {
    if (number === aboveRoot) continue;
    const sorted = [...entries.values()].sort((x, y) => (x.name < y.name ? -1 : 1));
    expect(namesIn(txn, number)).toEqual(sorted.map(e => e.name));
    for (const e of sorted) expect(txn.entry(number, e.name)).toEqual(e);
    const {newestChange, newestRealtimeAt, ...sums} = txn.directory(number)!.totals;
    expect(sums).toEqual(model.totals(number));
    for (const e of sorted) {
      expect(compareTimes(newestChange, e.ctime)).toBeGreaterThanOrEqual(0);
      expect(newestRealtimeAt).toBeGreaterThanOrEqual(e.realtimeAt);
    }
  }
}

test('against a plain model: random operations, reopenings and transactions that throw', async () => {
  const step = fc.record({
    operations: fc.array(operation, {minLength: 1, maxLength: 12}),
    end: fc.constantFrom('commit', 'commit', 'commit', 'throw', 'reopen'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, {minLength: 1, maxLength: 12}), async steps => {
      const path = folder();
      let store: TreeStore = await openTreeStore(path);
      let model = new Model();
      for (const {operations, end} of steps) {
        const tried = model.clone();
        const write = store.write(txn => {
          for (const one of operations) apply(txn, tried, one);
          compare(txn, tried);
          if (end === 'throw') throw new Error('on purpose');
        });
        if (end === 'throw') await expect(write).rejects.toThrow('on purpose');
        else {
          await write;
          model = tried;
        }
        if (end === 'reopen') {
          await store.close();
          store = await openTreeStore(path);
        }
        store.read(txn => compare(txn, model));
      }
      await store.close();
      rmSync(path, {recursive: true});
    }),
    {numRuns: Number(process.env.FUSTOR_RUNS ?? 60)},
  );
}, 60_000);
