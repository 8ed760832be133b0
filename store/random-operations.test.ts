import fc from 'fast-check';
import {expect, test} from 'vitest';
import {type ByteString, compareBytes, fromBytes, fromText} from '../core/entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kinds} from '../core/entry/entry.ts';
import {PackedCursor, packRun} from '../core/entry/packed.ts';
import {
  aboveRoot,
  type NameParts,
  rootDirectory,
  rootName,
  type TreeRead,
  type TreeStore,
  type TreeWrite,
  verdicts,
} from '../core/tree/tree-store.ts';
import {openMemoryTree} from '../test/lib/memory-tree.ts';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {openTreeStore} from './tree-store.ts';

/**
 * The store on LMDB does what the tree in memory does: random operations in random transactions, some of which throw, with
 * the store closed and opened again between them. The tree in memory counts its totals anew each time it is asked.
 */

const anyName: fc.Arbitrary<ByteString> = fc.oneof(
  {weight: 6, arbitrary: fc.nat(60).map(n => fromText(`n${n}`))},
  {weight: 3, arbitrary: fc.integer({min: 10, max: 60}).map(n => fromText('x'.repeat(253) + n))},
  {weight: 1, arbitrary: fc.uint8Array({minLength: 1, maxLength: 2}).map(bytes => fromBytes(bytes.map(b => b || 1)))},
);
const anyTime = fc.record({seconds: fc.integer({min: -1000, max: 2 ** 33}), nanos: fc.constantFrom(0, 999_999_999)});
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  name: anyName,
  kind: fc.constantFrom(kinds.file, kinds.file, kinds.directory, kinds.directory, kinds.symlink, kinds.other),
  size: fc.constantFrom(0, 1, 4096, 2 ** 40),
  mtime: anyTime,
  ctime: anyTime,
  hasAttributes: fc.boolean(),
  realtimeAt: fc.constantFrom(0, 0, 12345, 2 ** 50),
  agent: fc.nat(3),
  isSuspect: fc.boolean(),
  isBlindSpot: fc.boolean(),
  directory: fc.constant(0),
});
const anyPlace = fc.record({at: fc.nat(), name: anyName});
/** As JSON has it, because the tree in memory keeps JSON; `__proto__` is a key that the codec renames. */
const anyValue = fc.jsonValue().map(value => JSON.parse(JSON.stringify(value).replaceAll('__proto__', 'proto')));
const anyVerdict = fc
  .tuple(fc.constantFrom(verdicts.keep, verdicts.remove, verdicts.take, verdicts.reflag), fc.constantFrom(0, 8, 16, 24))
  .map(([verdict, marks]) => verdict | marks);

const anyOperation = fc.oneof(
  {weight: 6, arbitrary: fc.record({do: fc.constant('put' as const), at: fc.nat(), entry: anyEntry})},
  {weight: 3, arbitrary: fc.record({do: fc.constant('remove' as const), place: anyPlace})},
  {
    weight: 3,
    arbitrary: fc.record({do: fc.constant('move' as const), from: anyPlace, to: anyPlace, realtimeAt: fc.nat(99)}),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('merge' as const),
      at: fc.nat(),
      entries: fc.array(anyEntry, {maxLength: 150}),
      ends: fc.tuple(fc.option(anyName, {nil: undefined}), fc.option(anyName, {nil: undefined})),
      /** For names stored only, listed only, and both: tried in turn. */
      verdicts: fc.array(anyVerdict, {minLength: 1, maxLength: 7}),
    }),
  },
  fc.record({
    do: fc.constant('setDirectory' as const),
    at: fc.nat(),
    changes: fc.record(
      {
        listedAt: fc.nat(5),
        unreadable: fc.constantFrom(undefined, 'EACCES', 'EXDEV'),
        partial: fc.option(fc.record({evidence: fc.nat(), until: anyName}), {nil: undefined}),
      },
      {requiredKeys: []},
    ),
  }),
  fc.record({
    do: fc.constant('raise' as const),
    at: fc.nat(),
    newestChange: anyTime,
    newestRealtimeAt: fc.nat(),
    newestFoundAt: fc.nat(),
  }),
  fc.record({do: fc.constant('lists' as const), place: anyPlace, time: anyTime, at: fc.nat(20), isPut: fc.boolean()}),
  fc.record({do: fc.constant('state' as const), name: fc.nat(3), value: fc.option(anyValue, {nil: undefined})}),
  fc.record({do: fc.constant('collect' as const), blocks: fc.integer({min: 1, max: 5})}),
);
type Operation = typeof anyOperation extends fc.Arbitrary<infer T> ? T : never;

/** Does the same to any tree; `numbers` are the directories that exist, by which the operations choose theirs. */
function apply(txn: TreeWrite, operation: Operation): unknown {
  const numbers = directoriesOf(txn);
  const pick = (index: number) => numbers[index % numbers.length]!;
  switch (operation.do) {
    case 'put':
      return txn.put(pick(operation.at), operation.entry);
    case 'remove':
      return txn.remove(pick(operation.place.at), operation.place.name);
    case 'move': {
      const [from, to] = [operation.from, operation.to].map(place => ({directory: pick(place.at), name: place.name}));
      try {
        return txn.move(from!, to!, {realtimeAt: operation.realtimeAt});
      } catch (error) {
        return String(error);
      }
    }
    case 'merge': {
      const [after, until] = operation.ends.toSorted(
        (a, b) => Number(b === undefined) - Number(a === undefined) || compareBytes(a!, b!),
      );
      const isInside = ({name}: Entry) =>
        (after === undefined || name > after) && (until === undefined || name <= until);
      const byName = new Map(operation.entries.filter(isInside).map(entry => [entry.name, observed(entry)]));
      const run = packRun([...byName.values()].sort((a, b) => compareBytes(a.name, b.name)));
      let asked = 0;
      const log: unknown[] = [];
      txn.merge(pick(operation.at), {after, until}, run, 2, (stored, found) => {
        log.push([stored?.toEntry(), found?.toEntry()]);
        return operation.verdicts[asked++ % operation.verdicts.length]!;
      });
      return log;
    }
    case 'setDirectory':
      return txn.setDirectory(pick(operation.at), operation.changes);
    case 'raise': {
      const {newestChange, newestRealtimeAt, newestFoundAt} = operation;
      return txn.raise(pick(operation.at), {newestChange, newestRealtimeAt, newestFoundAt});
    }
    case 'lists': {
      const {place, time, at, isPut} = operation;
      const directory = pick(place.at);
      if (isPut) {
        txn.putTombstone(directory, place.name, {deletedAt: at, storageTime: time, agent: at % 3});
        txn.putSuspect(at, {directory, name: place.name, size: at, ctime: time});
        txn.putBlindSpot(directory, place.name, at % 2 === 0 ? 'created' : 'deleted', at);
      } else {
        txn.removeTombstone(directory, place.name);
        txn.removeSuspect(at, directory, place.name);
        txn.removeBlindSpot(directory, place.name);
      }
      return;
    }
    case 'state':
      if (operation.value === undefined) return txn.removeState(`s${operation.name}`);
      return txn.putState(`s${operation.name}`, operation.value);
    case 'collect':
      return void txn.collect(operation.blocks); // how much is left is each tree's own business
  }
}

function observed(entry: Entry): Entry {
  return {...entry, realtimeAt: 0, agent: 0, isSuspect: false, isBlindSpot: false};
}

function directoriesOf(txn: TreeRead): DirectoryNumber[] {
  const numbers = [rootDirectory];
  for (const number of numbers) {
    for (const entry of entriesOf(txn, number)) if (entry.directory !== 0) numbers.push(entry.directory);
  }
  return numbers;
}

function entriesOf(txn: TreeRead, directory: DirectoryNumber): Entry[] {
  const entries: Entry[] = [];
  for (const run of txn.runs(directory)) {
    for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) entries.push(cursor.toEntry());
  }
  return entries;
}

/** All that can be read of a tree, without what is left of directories that were removed. */
function contentOf(txn: TreeRead): unknown {
  const numbers = directoriesOf(txn);
  const isThere = ({directory}: {directory: DirectoryNumber}) => numbers.includes(directory);
  return {
    seq: txn.seq(),
    root: txn.entry(aboveRoot, rootName),
    directories: numbers.map(number => {
      const {totals, ...record} = txn.directory(number)!;
      const entries = entriesOf(txn, number);
      expect(entries.map(({name}) => txn.entry(number, name))).toEqual(entries);
      return {...record, totals: {...totals}, entries, hasTombstones: txn.hasTombstones(number)};
    }),
    tombstones: [...txn.tombstones()].filter(isThere),
    suspects: [...txn.suspects()].filter(isThere),
    blindSpots: [...txn.blindSpots()].filter(isThere),
    states: [...txn.states('')],
    changes: [...txn.changes(0)],
    laterChanges: [...txn.changes(Math.floor(txn.seq() / 2))],
    found: partsAskedFor.map(parts => pathsWith(txn, numbers, parts)),
  };
}

const partsAskedFor: NameParts[] = [['xxxx20'], ['n3'], ['X1', 'xx2'], [], ['nowhere']].map(parts => [
  parts.map(fromText),
]);

/** What `allRuns` gives for names with these parts, without what nothing leads to: what has none of them may be missing. */
function pathsWith(txn: TreeRead, numbers: readonly DirectoryNumber[], [parts]: NameParts): string[] {
  const found: string[] = [];
  for (const {directory, run} of txn.allRuns(undefined, [parts!])) {
    for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) {
      const name = cursor.name.toLowerCase();
      const isWanted = parts!.every(part => name.includes(part.toLowerCase()));
      if (isWanted && numbers.includes(directory)) found.push(`${directory}/${cursor.name}`);
    }
  }
  return found;
}

test('random operations, reopenings and transactions that throw do what they do in memory', async () => {
  const anyStep = fc.record({
    operations: fc.array(anyOperation, {minLength: 1, maxLength: 12}),
    end: fc.constantFrom('commit', 'commit', 'commit', 'throw', 'reopen', 'collect'),
  });
  const runs = Number(process.env.FUSTOR_RUNS ?? 60);
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, {minLength: 1, maxLength: 12}), async steps => {
      using folder = temporaryFolder();
      const memory = openMemoryTree();
      let store: TreeStore = await openTreeStore(folder.path);
      for (const {operations, end} of steps) {
        const body = (txn: TreeWrite) => {
          const told = operations.map(operation => apply(txn, operation));
          const content = contentOf(txn);
          if (end === 'throw') throw new Error('on purpose');
          return {told, content};
        };
        const writes = await Promise.allSettled([store.write(body), memory.write(body)]);
        const [found, expected] = writes.map(write =>
          write.status === 'fulfilled' ? write.value : String(write.reason),
        );
        expect(found).toEqual(expected);
        if (end === 'collect') {
          for (const tree of [store, memory]) while (await tree.write(txn => txn.collect(3)));
          expect(store.read(rowsOfDirectories)).toEqual(memory.read(rowsOfDirectories));
        }
        if (end === 'reopen') {
          await store.close();
          store = await openTreeStore(folder.path);
        }
        expect(store.read(contentOf as never)).toEqual(memory.read(contentOf as never));
      }
      await store.close();
    }),
    {numRuns: runs},
  );
}, 120_000);

/** After collecting, nothing of a removed directory is left. */
function rowsOfDirectories(txn: TreeRead): never {
  return {
    tombstones: [...txn.tombstones()],
    blindSpots: [...txn.blindSpots()],
    existing: Array.from({length: 200}, (_, number) => txn.directory(number)?.number),
  } as never;
}
