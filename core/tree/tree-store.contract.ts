import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {Prng} from '../../test/lib/prng.ts';
import {type ByteString, fromBytes, fromText} from '../entry/byte-string.ts';
import {type DirectoryNumber, type Entry, type Kind, kinds, newEntryFrom} from '../entry/entry.ts';
import {PackedCursor, packRun} from '../entry/packed.ts';
import {
  aboveRoot,
  type NameParts,
  rootDirectory,
  rootName,
  type TreeRead,
  type TreeStore,
  type TreeWrite,
  verdicts,
} from './tree-store.ts';

/** A store to test. `reopen` closes it and opens it again, for stores that outlive their process. */
export type OpenedTree = {store: TreeStore; reopen?: () => Promise<TreeStore>; dispose: () => Promise<void>};

const everything = {after: undefined, until: undefined};
const name = (text: string): ByteString => fromText(text);

function entry(text: string, changes: Partial<Entry> = {}): Entry {
  const attributes = {
    kind: kinds.file as Kind,
    size: 10,
    mtime: {seconds: 100, nanos: 5},
    ctime: {seconds: 200, nanos: 7},
  };
  return {...newEntryFrom(text as ByteString, attributes), ...changes};
}

function directory(text: string, changes: Partial<Entry> = {}): Entry {
  return entry(text, {kind: kinds.directory, ...changes});
}

function entriesIn(txn: TreeRead, directory: DirectoryNumber, from?: ByteString): Entry[] {
  const entries: Entry[] = [];
  for (const run of txn.runs(directory, from)) {
    for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) entries.push(cursor.toEntry());
  }
  return entries;
}

function namesIn(txn: TreeRead, directory: DirectoryNumber): string[] {
  return entriesIn(txn, directory).map(entry => entry.name);
}

function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, letter => letter.toLowerCase());
}

/** What every implementation of the seam `TreeStore` promises. */
export function treeStoreContract(implementation: string, open: () => Promise<OpenedTree>): void {
  describe(`${implementation} keeps the promises of a tree store`, () => {
    let opened: OpenedTree;
    let store: TreeStore;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.dispose());
    const write = <T>(body: (txn: TreeWrite) => T) => store.write(body as never) as Promise<T>;
    const totals = (txn: TreeRead, directory = rootDirectory) => txn.directory(directory)!.totals;

    test('a store has an id, which stays', async () => {
      const id = store.read(txn => txn.storeId());
      expect(id).toMatch(/^[\w-]+$/);
      await write(txn => {
        txn.put(rootDirectory, entry('a'));
        expect(txn.storeId()).toBe(id);
      });
      if (opened.reopen) store = await opened.reopen();
      expect(store.read(txn => txn.storeId())).toBe(id);
    });

    describe('entries', () => {
      test('a new tree is a root of which nothing is known', () => {
        store.read(txn => {
          expect(txn.seq()).toBe(0);
          expect(txn.entry(aboveRoot, rootName)).toMatchObject({
            kind: kinds.directory,
            directory: rootDirectory,
            hasAttributes: false,
          });
          expect(txn.directory(rootDirectory)).toMatchObject({parent: aboveRoot, name: '', listedAt: 0});
          expect(txn.directory(aboveRoot)).toBeUndefined();
          expect(totals(txn)).toMatchObject({files: 0, directories: 0, unlisted: 0});
          expect(namesIn(txn, rootDirectory)).toEqual([]);
        });
      });

      test('an entry is read as it was written, whatever bytes its name has', async () => {
        const written = [
          entry('plain', {size: 2 ** 52, mtime: {seconds: -5, nanos: 999_999_999}, realtimeAt: 2 ** 51, agent: 65_535}),
          entry('x'.repeat(255), {kind: kinds.symlink, isSuspect: true}),
          entry(fromBytes(Buffer.from([0xff, 0x80, 1])), {kind: kinds.other, isBlindSpot: true, hasAttributes: false}),
        ];
        await write(txn => {
          for (const one of written) txn.put(rootDirectory, one);
        });
        store.read(txn => {
          for (const one of written) expect(txn.entry(rootDirectory, one.name)).toEqual(one);
        });
      });

      test('the root has attributes like any other entry, and keeps its number', async () => {
        await write(txn => txn.put(aboveRoot, directory('', {size: 4096})));
        store.read(txn => {
          expect(txn.entry(aboveRoot, rootName)).toMatchObject({
            size: 4096,
            directory: rootDirectory,
            hasAttributes: true,
          });
          expect(totals(txn)).toMatchObject({directories: 0});
        });
      });

      test('runs are sorted by bytes and together hold every entry, from any name on', async () => {
        const names = Array.from({length: 300}, (_, i) => `n${(i * 7919) % 1000}`).concat('\xff\xfe', 'Z', '\x01');
        await write(txn => {
          for (const one of names) txn.put(rootDirectory, entry(one));
        });
        const sorted = [...new Set(names)].sort((a, b) => (a < b ? -1 : 1));
        store.read(txn => {
          expect(namesIn(txn, rootDirectory)).toEqual(sorted);
          for (const from of ['\x00', 'n5', 'n500', 'n5005', '\xff\xff']) {
            const tail = entriesIn(txn, rootDirectory, from as ByteString).map(one => one.name as string);
            expect(tail).toEqual(sorted.slice(sorted.length - tail.length));
            expect(tail).toEqual(expect.arrayContaining(sorted.filter(one => one >= from)));
          }
        });
      });

      test('runs may be left before their end, also to write what they show', async () => {
        await write(txn => {
          for (let i = 0; i < 500; i++) txn.put(rootDirectory, entry(`n${i}`));
        });
        await write(txn => {
          const runs = txn.runs(rootDirectory)[Symbol.iterator]();
          const first = new PackedCursor(runs.next().value!);
          txn.put(rootDirectory, {...first.toEntry(), size: 11});
          runs.next();
        });
        store.read(txn => void txn.runs(rootDirectory)[Symbol.iterator]().next());
        await write(txn => void txn.put(rootDirectory, entry('n0', {size: 12})));
        expect(store.read(txn => txn.entry(rootDirectory, name('n0'))!.size)).toBe(12);
      });

      test('each change counts one, and writing what is there counts nothing', async () => {
        const seqAfter = async (body: (txn: TreeWrite) => void) => {
          await write(body);
          return store.read(txn => txn.seq());
        };
        expect(await seqAfter(txn => void txn.put(rootDirectory, entry('a')))).toBe(1);
        expect(await seqAfter(txn => void txn.put(rootDirectory, entry('a')))).toBe(1);
        expect(await seqAfter(txn => void txn.put(rootDirectory, entry('a', {agent: 2})))).toBe(2);
        expect(await seqAfter(txn => void txn.remove(rootDirectory, name('no such name')))).toBe(2);
        expect(await seqAfter(txn => txn.setDirectory(rootDirectory, {listedAt: 9}))).toBe(2);
        expect(
          await seqAfter(txn => {
            txn.move({directory: rootDirectory, name: name('a')}, {directory: rootDirectory, name: name('b')}, {});
          }),
        ).toBe(3);
        expect(await seqAfter(txn => void txn.remove(rootDirectory, name('b')))).toBe(4);
      });
    });

    describe('directories', () => {
      test('a directory keeps its number as long as it is one, and numbers are never given again', async () => {
        await write(txn => {
          const first = txn.put(rootDirectory, directory('d')).directory;
          expect(txn.put(rootDirectory, directory('d', {size: 5})).directory).toBe(first);
          txn.put(first, entry('in it'));
          txn.put(rootDirectory, entry('d'));
          expect(txn.directory(first)).toBeUndefined();
          expect(txn.entry(first, name('in it'))).toBeUndefined();
          const second = txn.put(rootDirectory, directory('d')).directory;
          expect(second).toBeGreaterThan(first);
          expect(namesIn(txn, second)).toEqual([]);
          txn.remove(rootDirectory, name('d'));
          while (txn.collect(10));
          expect(txn.put(rootDirectory, directory('d')).directory).toBeGreaterThan(second);
        });
      });

      test('removing tells what was there, and takes everything below with it', async () => {
        await write(txn => {
          const top = txn.put(rootDirectory, directory('top')).directory;
          const deep = txn.put(top, directory('deep')).directory;
          txn.put(deep, entry('f'));
          expect(txn.remove(rootDirectory, name('top'))).toMatchObject({name: 'top', directory: top});
          expect(txn.remove(rootDirectory, name('top'))).toBeUndefined();
          expect(txn.remove(top, name('deep'))).toBeUndefined();
          expect(txn.directory(top)).toBeUndefined();
          expect(totals(txn)).toMatchObject({files: 0, directories: 0, bytes: 0, unlisted: 0});
        });
      });

      test('after collecting, nothing is left of a removed subtree', async () => {
        const numbers = await write(txn => {
          const made = [txn.put(rootDirectory, directory('top')).directory];
          for (let depth = 0; depth < 20; depth++) {
            txn.put(made.at(-1)!, entry('file'));
            txn.putTombstone(made.at(-1)!, name('gone'), {deletedAt: 1, storageTime: {seconds: 1, nanos: 0}, agent: 3});
            txn.putBlindSpot(made.at(-1)!, name('file'), 'created', 1);
            made.push(txn.put(made.at(-1)!, directory('next')).directory);
          }
          txn.putTombstone(rootDirectory, name('top'), {deletedAt: 2, storageTime: {seconds: 1, nanos: 0}, agent: 3});
          txn.remove(rootDirectory, name('top'));
          return made;
        });
        let rounds = 1;
        while (await write(txn => txn.collect(3))) rounds++;
        expect(rounds).toBeGreaterThan(4);
        store.read(txn => {
          for (const number of numbers) {
            expect(txn.directory(number)).toBeUndefined();
            expect(namesIn(txn, number)).toEqual([]);
          }
          expect([...txn.tombstones()].map(row => row.directory)).toEqual([rootDirectory]);
          expect([...txn.blindSpots()]).toEqual([]);
        });
        expect(await write(txn => txn.collect(1))).toBe(false);
      });

      test('the runs of all directories come one after another, from any place on', async () => {
        await write(txn => {
          const [a, b] = ['a', 'b'].map(text => txn.put(rootDirectory, directory(text)).directory);
          for (let i = 0; i < 300; i++) txn.put(a!, entry(`in-a-${1_000 + i}-${'x'.repeat(100)}`));
          txn.put(b!, entry('in-b'));
        });
        const namesFrom = (from?: {directory: DirectoryNumber; name: ByteString}) =>
          store.read(txn => {
            const names: string[] = [];
            for (const {directory, run} of txn.allRuns(from)) {
              for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next())
                names.push(`${directory}/${cursor.name.slice(0, 9)}`);
            }
            return names as never;
          }) as string[];
        const all = namesFrom();
        expect(all).toHaveLength(1 + 2 + 300 + 1);
        expect(all).toEqual(all.toSorted());
        for (const from of [0, 1, 150, 299]) {
          const some = namesFrom({directory: 2, name: name(`in-a-${1_000 + from}`)});
          expect(all.slice(-some.length)).toEqual(some);
          expect(some.length).toBeGreaterThanOrEqual(301 - from);
          expect(some.length).toBeLessThan(301 - from + 60);
        }
        expect(namesFrom({directory: 3, name: name('')})).toEqual(['3/in-b']);
        expect(namesFrom({directory: 4, name: name('z')})).toEqual([]);
      });

      test('the runs in which names have certain parts are among those that are given for them, at any time', async () => {
        const random = new Prng(7);
        const syllables = ['Al', 'be', 'Ga', 'de', 'ep', 'zè', '\xff', '7'];
        const anyOf = () => Array.from({length: 2 + random.below(6)}, () => random.pick(syllables)).join('');
        const directories = [rootDirectory];
        const missing = (txn: TreeRead): string[] => {
          const wanted = anyOf()
            .slice(0, 3 + random.below(4))
            .toLowerCase();
          const places = (parts?: NameParts) => {
            const found: string[] = [];
            for (const {directory, run} of txn.allRuns(undefined, parts)) {
              for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next())
                if (lowerAscii(cursor.name).includes(lowerAscii(wanted))) found.push(`${directory}/${cursor.name}`);
            }
            return found;
          };
          const given = new Set(places([[name('!!none')], [wanted as ByteString]]));
          return places().filter(place => txn.directory(Number.parseInt(place, 10)) && !given.has(place));
        };
        for (let round = 0; round < 60; round++) {
          await write(txn => {
            const at = directories[random.below(directories.length)]!;
            if (round % 3 === 0) directories.push(txn.put(at, directory(`d${round}${anyOf()}`)).directory);
            const names = [...new Set(Array.from({length: random.below(80)}, anyOf))].sort();
            if (round % 4 === 0)
              txn.merge(at, everything, packRun(names.map(one => entry(one))), 1, () => verdicts.take);
            else for (const one of names) txn.put(at, entry(one));
            for (const one of names.filter(() => random.next() < 0.3)) txn.remove(at, one as ByteString);
            txn.move(
              {directory: at, name: (names[0] ?? 'none') as ByteString},
              {directory: rootDirectory, name: anyOf() as ByteString},
              {},
            );
            expect(missing(txn)).toEqual([]);
          });
          if (opened.reopen && round % 20 === 19) store = await opened.reopen();
          expect(store.read(txn => missing(txn) as never)).toEqual([]);
        }
      });

      test('a directory that does not exist is nothing to read and an error to write to', async () => {
        await write(txn => {
          expect(txn.directory(99)).toBeUndefined();
          expect(txn.entry(99, name('x'))).toBeUndefined();
          expect(txn.remove(99, name('x'))).toBeUndefined();
          expect(namesIn(txn, 99)).toEqual([]);
          expect(() => txn.put(99, entry('x'))).toThrow('99');
          expect(() => txn.merge(99, everything, new Uint8Array(), 0, () => verdicts.keep)).toThrow('99');
          expect(() => txn.setDirectory(99, {listedAt: 1})).toThrow('99');
        });
      });

      test('what is remembered of a directory can be changed piece by piece', async () => {
        const partial = {evidence: 7, until: fromBytes(Buffer.from([0xfe]))};
        await write(txn => {
          txn.setDirectory(rootDirectory, {listedAt: 5});
          txn.setDirectory(rootDirectory, {partial});
          txn.setDirectory(rootDirectory, {unreadable: 'EACCES'});
        });
        expect(store.read(txn => txn.directory(rootDirectory))).toMatchObject({
          listedAt: 5,
          partial,
          unreadable: 'EACCES',
        });
        await write(txn => txn.setDirectory(rootDirectory, {partial: undefined, unreadable: undefined}));
        store.read(txn => {
          expect(txn.directory(rootDirectory)!.partial).toBeUndefined();
          expect(txn.directory(rootDirectory)!.unreadable).toBeUndefined();
          expect(txn.directory(rootDirectory)!.listedAt).toBe(5);
        });
      });
    });

    describe('moves', () => {
      test('a directory that is moved keeps its number and subtree, and all totals are right', async () => {
        await write(txn => {
          const a = txn.put(rootDirectory, directory('a')).directory;
          const b = txn.put(rootDirectory, directory('b')).directory;
          const deep = txn.put(a, directory('deep')).directory;
          txn.put(deep, entry('f', {isSuspect: true}));
          const moved = txn.move({directory: a, name: name('deep')}, {directory: b, name: name('d2')}, {realtimeAt: 5});
          expect(moved).toMatchObject({name: 'd2', directory: deep, realtimeAt: 5});
          expect(txn.entry(b, name('d2'))).toEqual(moved);
          expect(txn.entry(a, name('deep'))).toBeUndefined();
          expect(txn.directory(deep)).toMatchObject({parent: b, name: 'd2'});
          expect(totals(txn, a)).toMatchObject({
            files: 0,
            directories: 0,
            suspects: 0,
            unlisted: 0,
            newestRealtimeAt: 0,
          });
          expect(totals(txn, b)).toMatchObject({
            files: 1,
            directories: 1,
            suspects: 1,
            unlisted: 1,
            newestRealtimeAt: 5,
          });
          expect(totals(txn)).toMatchObject({files: 1, directories: 3, suspects: 1, unlisted: 3});
        });
      });

      test('what stood at the new place goes first', async () => {
        await write(txn => {
          const old = txn.put(rootDirectory, directory('old')).directory;
          txn.put(old, entry('inside'));
          txn.put(rootDirectory, entry('f', {size: 3}));
          txn.move({directory: rootDirectory, name: name('f')}, {directory: rootDirectory, name: name('old')}, {});
          expect(txn.directory(old)).toBeUndefined();
          expect(namesIn(txn, rootDirectory)).toEqual(['old']);
          expect(totals(txn)).toMatchObject({files: 1, bytes: 3, directories: 0});
        });
      });

      test('a move to where it stands only changes what is asked', async () => {
        await write(txn => {
          const place = {directory: rootDirectory, name: name('d')};
          const {directory: number} = txn.put(rootDirectory, directory('d'));
          expect(txn.move(place, place, {agent: 3})).toMatchObject({directory: number, agent: 3});
          expect(totals(txn)).toMatchObject({directories: 1});
        });
      });

      test('a move of nothing is nothing, and a directory cannot come below itself or replace what it is in', async () => {
        await write(txn => {
          const a = txn.put(rootDirectory, directory('a')).directory;
          const b = txn.put(a, directory('b')).directory;
          const at = (directory: DirectoryNumber, text: string) => ({directory, name: name(text)});
          expect(txn.move(at(a, 'none'), at(rootDirectory, 'b'), {})).toBeUndefined();
          expect(() => txn.move(at(rootDirectory, 'a'), at(b, 'x'), {})).toThrow('below itself');
          expect(() => txn.move(at(rootDirectory, 'a'), at(a, 'x'), {})).toThrow('below itself');
          expect(() => txn.move(at(a, 'b'), at(rootDirectory, 'a'), {})).toThrow('in it');
        });
      });
    });

    describe('totals', () => {
      test('they count everything below, at any depth, and not the directory itself', async () => {
        await write(txn => {
          const a = txn.put(rootDirectory, directory('a', {size: 4096})).directory;
          const b = txn.put(a, directory('b', {isBlindSpot: true})).directory;
          txn.put(b, entry('f', {size: 7, isSuspect: true}));
          txn.put(b, entry('l', {kind: kinds.symlink, size: 99}));
          txn.put(b, entry('o', {kind: kinds.other}));
          txn.put(rootDirectory, entry('top', {size: 1}));
          expect(totals(txn, b)).toMatchObject({
            files: 1,
            directories: 0,
            others: 2,
            bytes: 7,
            suspects: 1,
            blindSpots: 0,
          });
          expect(totals(txn, a)).toMatchObject({
            files: 1,
            directories: 1,
            others: 2,
            bytes: 7,
            suspects: 1,
            blindSpots: 1,
          });
          expect(totals(txn)).toMatchObject({
            files: 2,
            directories: 2,
            others: 2,
            bytes: 8,
            suspects: 1,
            blindSpots: 1,
          });
        });
      });

      test('a directory is unlisted to those above it until it is listed, and unreadable while it cannot be read', async () => {
        await write(txn => {
          const a = txn.put(rootDirectory, directory('a')).directory;
          const b = txn.put(a, directory('b')).directory;
          expect(totals(txn)).toMatchObject({unlisted: 2, unreadable: 0});
          expect(totals(txn, b)).toMatchObject({unlisted: 0});
          txn.setDirectory(b, {listedAt: 5});
          expect(totals(txn)).toMatchObject({unlisted: 1, unreadable: 0});
          txn.setDirectory(b, {unreadable: 'EIO'});
          expect(totals(txn, a)).toMatchObject({unlisted: 0, unreadable: 1});
          txn.setDirectory(a, {unreadable: 'EACCES'});
          expect(totals(txn)).toMatchObject({unlisted: 1, unreadable: 2});
          txn.setDirectory(a, {unreadable: undefined});
          txn.setDirectory(b, {unreadable: undefined});
          expect(totals(txn)).toMatchObject({unlisted: 1, unreadable: 0});
          txn.setDirectory(rootDirectory, {unreadable: 'EIO'});
          expect(totals(txn)).toMatchObject({unlisted: 1, unreadable: 0});
        });
      });

      test('another file system that is not entered counts neither as unlisted nor as unreadable', async () => {
        await write(txn => {
          const a = txn.put(rootDirectory, directory('a')).directory;
          txn.setDirectory(a, {unreadable: 'EXDEV'});
          expect(totals(txn)).toMatchObject({unlisted: 0, unreadable: 0});
          txn.setDirectory(a, {unreadable: undefined});
          expect(totals(txn)).toMatchObject({unlisted: 1, unreadable: 0});
        });
      });

      test('the newest change and the newest observation never go back', async () => {
        await write(txn => {
          const a = txn.put(rootDirectory, directory('a')).directory;
          txn.put(a, entry('f', {ctime: {seconds: 500, nanos: 3}, realtimeAt: 70}));
          txn.put(a, entry('f', {ctime: {seconds: 400, nanos: 3}, realtimeAt: 60}));
          txn.remove(a, name('f'));
          const marks = {newestChange: {seconds: 500, nanos: 3}, newestRealtimeAt: 70};
          expect(totals(txn)).toMatchObject(marks);
          txn.remove(rootDirectory, name('a'));
          expect(totals(txn)).toMatchObject(marks);
          txn.raise(rootDirectory, {newestChange: {seconds: 499, nanos: 0}});
          expect(totals(txn)).toMatchObject(marks);
          txn.raise(rootDirectory, {newestChange: {seconds: 600, nanos: 0}});
          txn.raise(rootDirectory, {newestRealtimeAt: 71});
          txn.raise(rootDirectory, {newestFoundAt: 72});
          txn.raise(rootDirectory, {newestFoundAt: 60});
          expect(totals(txn)).toMatchObject({
            newestChange: {seconds: 600, nanos: 0},
            newestRealtimeAt: 71,
            newestFoundAt: 72,
          });
        });
      });
    });

    describe('versions', () => {
      const versions = (txn: TreeRead, number: number) => {
        const {ownVersion, totals} = txn.directory(number)!;
        return {own: ownVersion, all: totals.version};
      };

      test('a change of an entry gives a new version to its directory and all above it, and to no other', async () => {
        await write(txn => {
          const a = txn.put(rootDirectory, directory('a')).directory;
          const deep = txn.put(a, directory('deep')).directory;
          const b = txn.put(rootDirectory, directory('b')).directory;
          const changes = [
            () => txn.put(deep, entry('f')),
            () => txn.put(deep, entry('f', {mtime: {seconds: 9, nanos: 9}})),
            () => txn.merge(deep, everything, packRun([entry('f'), entry('g')]), 1, () => verdicts.take),
            () => txn.move({directory: deep, name: name('g')}, {directory: deep, name: name('h')}, {}),
            () => txn.remove(deep, name('h')),
          ];
          for (const change of changes) {
            const [inDeep, inA, inB] = [deep, a, b].map(number => versions(txn, number)) as [
              Versions,
              Versions,
              Versions,
            ];
            change();
            expect(versions(txn, deep).own).toBeGreaterThan(inDeep.own);
            expect(versions(txn, deep).all).toBeGreaterThan(inDeep.all);
            expect(versions(txn, a).all).toBeGreaterThan(inA.all);
            expect(versions(txn, a).own).toBe(inA.own);
            expect(versions(txn, b)).toEqual(inB);
          }
        });
      });

      test('both places of a move have a new version, what moves keeps its own', async () => {
        await write(txn => {
          const [a, b] = ['a', 'b'].map(one => txn.put(rootDirectory, directory(one)).directory) as [number, number];
          const moved = txn.put(a, directory('moved')).directory;
          txn.put(moved, entry('f'));
          const [inA, inB, inMoved] = [a, b, moved].map(number => versions(txn, number)) as [
            Versions,
            Versions,
            Versions,
          ];
          txn.move({directory: a, name: name('moved')}, {directory: b, name: name('moved')}, {});
          expect(versions(txn, a).own).toBeGreaterThan(inA.own);
          expect(versions(txn, b).own).toBeGreaterThan(inB.own);
          expect(versions(txn, moved)).toEqual(inMoved);
        });
      });

      test('so does a directory that is listed or unreadable for the first time, but not one that is listed again', async () => {
        await write(txn => {
          const a = txn.put(rootDirectory, directory('a')).directory;
          for (const changes of [{listedAt: 5}, {unreadable: 'EIO'}, {unreadable: undefined}]) {
            const [inRoot, inA] = [versions(txn, rootDirectory), versions(txn, a)];
            txn.setDirectory(a, changes);
            expect(versions(txn, a).all).toBeGreaterThan(inA.all);
            expect(versions(txn, rootDirectory).all).toBeGreaterThan(inRoot.all);
          }
          const before = versions(txn, rootDirectory);
          txn.setDirectory(a, {listedAt: 6});
          expect(versions(txn, rootDirectory)).toEqual(before);
        });
      });

      type Versions = {own: number; all: number};
    });

    describe('merging a listing', () => {
      const listed = (...entries: Entry[]) => packRun(entries);
      const takeAll = (_: unknown, found: unknown) => (found ? verdicts.take : verdicts.remove);

      test('every name is asked for once, in the order of bytes, with what is stored and what was listed', async () => {
        await write(txn => {
          for (const one of ['a', 'b', '\xff']) txn.put(rootDirectory, entry(one));
          const asked: unknown[] = [];
          txn.merge(rootDirectory, everything, listed(entry('A'), entry('b'), entry('c')), 1, (stored, found) => {
            asked.push([stored?.name, found?.name]);
            return verdicts.keep;
          });
          expect(asked).toEqual([
            [undefined, 'A'],
            ['a', undefined],
            ['b', 'b'],
            [undefined, 'c'],
            ['\xff', undefined],
          ]);
          expect(namesIn(txn, rootDirectory)).toEqual(['a', 'b', '\xff']);
        });
      });

      test('taken entries get the listing agent and the marks of the verdict; what watchers saw stays', async () => {
        await write(txn => {
          txn.put(rootDirectory, entry('known', {realtimeAt: 44, agent: 1, isSuspect: true}));
          const run = listed(entry('known', {size: 3}), entry('new'));
          txn.merge(rootDirectory, everything, run, 9, (stored, found) =>
            stored ? verdicts.take : found ? verdicts.take | verdicts.suspect | verdicts.blindSpot : verdicts.keep,
          );
          expect(entriesIn(txn, rootDirectory)).toEqual([
            entry('known', {size: 3, realtimeAt: 44, agent: 9}),
            entry('new', {agent: 9, isSuspect: true, isBlindSpot: true}),
          ]);
          expect(totals(txn)).toMatchObject({files: 2, bytes: 13, suspects: 1, blindSpots: 1, newestRealtimeAt: 44});
        });
      });

      test('a listing of what is known counts nothing, taken or kept', async () => {
        const run = listed(
          ...Array.from({length: 400}, (_, i) => entry(`n${1000 + i}`, {kind: (1 + (i % 4)) as Kind})),
        );
        await write(txn => txn.merge(rootDirectory, everything, run, 2, takeAll));
        const before = store.read(txn => ({seq: txn.seq(), entries: entriesIn(txn, rootDirectory)}));
        expect(before.seq).toBe(400);
        await write(txn => txn.merge(rootDirectory, everything, run, 2, takeAll));
        await write(txn => txn.merge(rootDirectory, everything, run, 7, () => verdicts.keep));
        await write(txn => txn.merge(rootDirectory, everything, run, 7, () => verdicts.reflag));
        expect(store.read(txn => ({seq: txn.seq(), entries: entriesIn(txn, rootDirectory)}))).toEqual(before);
      });

      test('taking what is known from another agent, with other marks, or without attributes is a change', async () => {
        await write(txn => {
          const merge = (found: Entry, agent: number, verdict: number) => {
            txn.merge(rootDirectory, everything, listed(found), agent, () => verdict);
            return {...txn.entry(rootDirectory, name('f'))!, seq: txn.seq()};
          };
          const nothing = {size: 0, mtime: {seconds: 0, nanos: 0}, ctime: {seconds: 0, nanos: 0}};
          merge(entry('f', nothing), 1, verdicts.take);
          expect(merge(entry('f', nothing), 2, verdicts.take)).toMatchObject({agent: 2, seq: 2});
          const suspected = merge(entry('f', nothing), 2, verdicts.take | verdicts.suspect);
          expect(suspected).toMatchObject({isSuspect: true, seq: 3});
          const cleared = merge(entry('f', nothing), 2, verdicts.take | verdicts.blindSpot);
          expect(cleared).toMatchObject({isSuspect: false, isBlindSpot: true, seq: 4});
          const unread = merge(entry('f', {...nothing, hasAttributes: false}), 2, verdicts.take | verdicts.blindSpot);
          expect(unread).toMatchObject({hasAttributes: false, seq: 5});
          expect(merge(entry('f', {...nothing, kind: kinds.other}), 2, verdicts.take)).toMatchObject({seq: 6});
          expect(totals(txn)).toMatchObject({files: 0, others: 1, suspects: 0, blindSpots: 0});
        });
      });

      test('a directory that stays one keeps number and subtree; one that is new gets a number; one that is none any more loses all', async () => {
        await write(txn => {
          const stays = txn.put(rootDirectory, directory('stays')).directory;
          txn.put(stays, entry('inside'));
          const ends = txn.put(rootDirectory, directory('ends')).directory;
          txn.put(ends, entry('inside'));
          txn.put(rootDirectory, entry('begins'));
          const run = listed(directory('begins'), entry('ends'), directory('stays', {size: 77}));
          txn.merge(rootDirectory, everything, run, 1, takeAll);
          expect(txn.entry(rootDirectory, name('stays'))).toMatchObject({directory: stays, size: 77});
          expect(txn.entry(stays, name('inside'))).toBeDefined();
          expect(txn.entry(rootDirectory, name('ends'))).toMatchObject({directory: 0, kind: kinds.file});
          expect(txn.directory(ends)).toBeUndefined();
          const begun = txn.entry(rootDirectory, name('begins'))!.directory;
          expect(begun).toBeGreaterThan(ends);
          expect(txn.directory(begun)).toMatchObject({parent: rootDirectory, name: 'begins', listedAt: 0});
          expect(totals(txn)).toMatchObject({files: 2, directories: 2, unlisted: 2, bytes: 20});
        });
      });

      test('reflag changes the two marks and nothing else, remove takes what is stored', async () => {
        await write(txn => {
          txn.put(rootDirectory, entry('f', {isSuspect: true, isBlindSpot: true, realtimeAt: 5, agent: 2}));
          const gone = txn.put(rootDirectory, directory('gone')).directory;
          txn.merge(rootDirectory, everything, listed(entry('f', {size: 999})), 7, (_, found) =>
            found ? verdicts.reflag | verdicts.blindSpot : verdicts.remove,
          );
          expect(entriesIn(txn, rootDirectory)).toEqual([entry('f', {isBlindSpot: true, realtimeAt: 5, agent: 2})]);
          expect(txn.directory(gone)).toBeUndefined();
          expect(totals(txn)).toMatchObject({suspects: 0, blindSpots: 1, directories: 0, unlisted: 0});
          txn.merge(rootDirectory, everything, listed(entry('x')), 7, stored =>
            stored ? verdicts.keep : verdicts.reflag | verdicts.suspect,
          );
          expect(namesIn(txn, rootDirectory)).toEqual(['f']);
        });
      });

      test('a range leaves alone what is outside it', async () => {
        await write(txn => {
          for (let i = 0; i < 400; i++) txn.put(rootDirectory, entry(`n${1000 + i}`));
          txn.merge(rootDirectory, {after: name('n1100'), until: name('n1299')}, listed(entry('n1200x')), 1, takeAll);
          const names = namesIn(txn, rootDirectory);
          expect(names).toHaveLength(202);
          expect(names.slice(99, 103)).toEqual(['n1099', 'n1100', 'n1200x', 'n1300']);
          txn.merge(rootDirectory, {after: undefined, until: name('n1100')}, listed(), 1, takeAll);
          txn.merge(rootDirectory, {after: name('n1300'), until: undefined}, listed(), 1, takeAll);
          expect(namesIn(txn, rootDirectory)).toEqual(['n1200x', 'n1300']);
          expect(totals(txn)).toMatchObject({files: 2, bytes: 20});
        });
      });

      test('a listed name outside the range is refused', async () => {
        await write(txn => void txn.put(rootDirectory, entry('m')));
        for (const wrong of ['b', 'c', 'y']) {
          const range = {after: name('c'), until: name('x')};
          const merging = write(txn => txn.merge(rootDirectory, range, listed(entry(wrong)), 1, takeAll));
          await expect(merging).rejects.toThrow('range');
        }
        expect(store.read(txn => namesIn(txn, rootDirectory))).toEqual(['m']);
      });

      test('a large directory can be listed in ranges, grow, and shrink to nothing', async () => {
        const names = Array.from({length: 3000}, (_, i) => `${10_000 + i}`);
        const cuts = [undefined, '10999', '11999', undefined] as (ByteString | undefined)[];
        for (let part = 0; part < 3; part++) {
          const range = {after: cuts[part], until: cuts[part + 1]};
          const run = listed(...names.slice(part * 1000, (part + 1) * 1000).map(one => entry(one)));
          await write(txn => txn.merge(rootDirectory, range, run, 1, takeAll));
        }
        expect(store.read(txn => namesIn(txn, rootDirectory))).toEqual(names);
        const odd = names.filter((_, index) => index % 2 === 1);
        await write(txn => txn.merge(rootDirectory, everything, listed(...odd.map(one => entry(one))), 1, takeAll));
        expect(store.read(txn => namesIn(txn, rootDirectory))).toEqual(odd);
        for (const one of odd) await write(txn => void txn.remove(rootDirectory, name(one)));
        store.read(txn => {
          expect(namesIn(txn, rootDirectory)).toEqual([]);
          expect(totals(txn)).toMatchObject({files: 0, bytes: 0});
        });
      });

      test('the decision may read the tree and write to the other tables', async () => {
        await write(txn => {
          txn.put(rootDirectory, entry('a'));
          txn.merge(rootDirectory, everything, listed(entry('b')), 1, (stored, found) => {
            if (found) return verdicts.take;
            expect(txn.entry(rootDirectory, stored!.name)).toBeDefined();
            txn.putTombstone(rootDirectory, stored!.name, {
              deletedAt: 3,
              storageTime: {seconds: 2, nanos: 1},
              agent: 3,
            });
            return verdicts.remove;
          });
          expect(txn.tombstone(rootDirectory, name('a'))).toEqual({
            deletedAt: 3,
            storageTime: {seconds: 2, nanos: 1},
            agent: 3,
          });
          expect(namesIn(txn, rootDirectory)).toEqual(['b']);
        });
      });
    });

    describe('lists and states', () => {
      test('tombstones are found by name, by directory, and all together', async () => {
        const tombstone = {deletedAt: 2 ** 51, storageTime: {seconds: -3, nanos: 9}, agent: 3};
        await write(txn => {
          txn.putTombstone(2, name('x'), tombstone);
          txn.putTombstone(2, name('x'), {...tombstone, deletedAt: 5});
          txn.putTombstone(256, fromBytes(Buffer.from([0xff])), tombstone);
          txn.putTombstone(4, name('gone'), tombstone);
          txn.removeTombstone(4, name('gone'));
          txn.removeTombstone(4, name('never there'));
        });
        store.read(txn => {
          expect(txn.tombstone(2, name('x'))).toEqual({...tombstone, deletedAt: 5});
          expect(txn.tombstone(2, name('y'))).toBeUndefined();
          expect([1, 2, 3, 4, 255, 256].filter(number => txn.hasTombstones(number))).toEqual([2, 256]);
          expect([...txn.tombstones()]).toEqual([
            {directory: 2, name: 'x', ...tombstone, deletedAt: 5},
            {directory: 256, name: '\xff', ...tombstone},
          ]);
        });
      });

      test('suspects come in the order of their time, up to a moment', async () => {
        const suspect = {directory: 3, name: name('s'), size: 2 ** 40, ctime: {seconds: 5, nanos: 6}};
        await write(txn => {
          for (const expiresAt of [2 ** 50, 20, 10]) txn.putSuspect(expiresAt, suspect);
          txn.putSuspect(10, {...suspect, name: name('a')});
          txn.putSuspect(15, suspect);
          txn.removeSuspect(15, 3, name('s'));
        });
        store.read(txn => {
          expect([...txn.suspects(19)]).toEqual([
            {...suspect, name: 'a', expiresAt: 10},
            {...suspect, expiresAt: 10},
          ]);
          expect([...txn.suspects(20)]).toHaveLength(3);
          expect([...txn.suspects()].map(row => row.expiresAt)).toEqual([10, 10, 20, 2 ** 50]);
          const place = {expiresAt: 10, directory: 3, name: name('a')};
          expect([...txn.suspects(20, place)].map(row => row.expiresAt)).toEqual([10, 20]);
          expect([...txn.suspects(undefined, {...place, name: name('t')})].map(row => row.expiresAt)).toEqual([
            20,
            2 ** 50,
          ]);
        });
      });

      test('a place is a blind spot once, with the last that was found', async () => {
        await write(txn => {
          txn.putBlindSpot(5, name('b'), 'created', 1);
          txn.putBlindSpot(5, name('b'), 'deleted', 2);
          txn.putBlindSpot(5, name('a'), 'modified', 3);
          txn.putBlindSpot(4, name('z'), 'created', 4);
          txn.removeBlindSpot(4, name('z'));
        });
        expect(store.read(txn => [...txn.blindSpots()])).toEqual([
          {directory: 5, name: 'a', change: 'modified', foundAt: 3},
          {directory: 5, name: 'b', change: 'deleted', foundAt: 2},
        ]);
        await write(txn => txn.putBlindSpot(7, name('c'), 'created', 5));
        const namesOf = (range: Parameters<TreeRead['blindSpots']>[0]) =>
          store.read(txn => [...txn.blindSpots(range)].map(row => row.name));
        expect(namesOf({of: 5})).toEqual(['a', 'b']);
        expect(namesOf({after: {directory: 5, name: name('a')}})).toEqual(['b', 'c']);
      });

      test('states are values under names, listed by prefix', async () => {
        await write(txn => {
          txn.putState('session/b', {id: 'b', list: [1, null, {x: 1.5}], text: 'ä'});
          txn.putState('session/a', 7);
          txn.putState('sessions', 'not one of them');
          txn.putState('gone', 1);
          txn.removeState('gone');
        });
        store.read(txn => {
          expect(txn.state('session/b')).toEqual({id: 'b', list: [1, null, {x: 1.5}], text: 'ä'});
          expect(txn.state('gone')).toBeUndefined();
          expect([...txn.states('session/')].map(row => row.name)).toEqual(['session/a', 'session/b']);
          expect([...txn.states('')]).toHaveLength(3);
        });
      });
    });

    describe('transactions', () => {
      test('a snapshot has the id of another one only if nothing at all was written in between', async () => {
        const seen = new Set<string | undefined>([undefined]);
        const change = async (body: (txn: TreeWrite) => void) => {
          await write(body);
          const ids = new Set([0, 1].map(() => store.read(txn => txn.snapshotId())));
          expect(ids.size).toBe(1);
          for (const id of ids) expect(seen.has(id)).toBe(false);
          for (const id of ids) seen.add(id);
        };
        const suspect = {directory: rootDirectory, name: name('f'), size: 1, ctime: {seconds: 1, nanos: 0}};
        await change(txn => void txn.put(rootDirectory, entry('f')));
        await change(txn => void txn.put(rootDirectory, entry('f', {realtimeAt: 7})));
        await change(txn => txn.setDirectory(rootDirectory, {listedAt: 8}));
        await change(txn => txn.putState('x', {n: 1}));
        await change(txn => txn.putState('x', {n: 2}));
        await change(txn => txn.removeState('x'));
        await change(txn => txn.putSuspect(9, suspect));
        await change(txn => txn.putBlindSpot(rootDirectory, name('f'), 'created', 9));
        await change(txn => txn.raise(rootDirectory, {newestFoundAt: 99}));
        for (let i = 0; i < 50; i++) await change(txn => void txn.put(rootDirectory, entry(`f${i % 3}`, {size: i})));
      });

      test('a body that throws leaves nothing behind, and its neighbours stay', async () => {
        const before = write(txn => void txn.put(rootDirectory, entry('before')));
        const broken = write(txn => {
          const made = txn.put(rootDirectory, directory('broken')).directory;
          txn.setDirectory(made, {listedAt: 4});
          txn.remove(rootDirectory, name('before'));
          txn.putTombstone(made, name('x'), {deletedAt: 1, storageTime: {seconds: 1, nanos: 1}, agent: 3});
          txn.putSuspect(1, {directory: made, name: name('x'), size: 1, ctime: {seconds: 1, nanos: 1}});
          txn.putBlindSpot(made, name('x'), 'created', 1);
          txn.putState('broken', 1);
          throw new Error('on purpose');
        });
        const after = write(txn => txn.put(rootDirectory, directory('later')).directory);
        await expect(broken).rejects.toThrow('on purpose');
        await before;
        expect(await after).toBe(2);
        store.read(txn => {
          expect(namesIn(txn, rootDirectory)).toEqual(['before', 'later']);
          expect(txn.state('broken')).toBeUndefined();
          expect([...txn.tombstones(), ...txn.suspects(), ...txn.blindSpots()]).toEqual([]);
          expect(txn.seq()).toBe(2);
          expect(totals(txn)).toMatchObject({files: 1, directories: 1, unlisted: 1});
        });
      });

      test('writes happen in the order in which they were asked for, each seeing the ones before', async () => {
        const seen = Array.from({length: 200}, (_, i) =>
          write(txn => {
            txn.put(rootDirectory, entry(`n${i}`));
            return totals(txn).files;
          }),
        );
        expect(await Promise.all(seen)).toEqual(Array.from({length: 200}, (_, i) => i + 1));
      });

      test('nothing can be written once it is closed', async () => {
        await store.close();
        await expect(write(txn => void txn.put(rootDirectory, entry('late')))).rejects.toThrow('closed');
      });

      test('everything is there after reopening', async context => {
        if (!opened.reopen) return context.skip();
        await write(txn => {
          const d = txn.put(rootDirectory, directory('d')).directory;
          txn.put(d, entry('f', {isSuspect: true}));
          txn.setDirectory(d, {listedAt: 8, partial: {evidence: 9, until: name('f')}});
          txn.putState('x', {n: 1});
        });
        const everythingOf = (txn: TreeRead) => ({
          seq: txn.seq(),
          root: txn.directory(rootDirectory),
          d: txn.directory(2),
          entries: [...entriesIn(txn, rootDirectory), ...entriesIn(txn, 2)],
          state: txn.state('x'),
        });
        const before = store.read(everythingOf as never);
        store = await opened.reopen();
        expect(store.read(everythingOf as never)).toEqual(before);
        expect(await write(txn => txn.put(rootDirectory, directory('e')).directory)).toBe(3);
      });
    });
  });
}
