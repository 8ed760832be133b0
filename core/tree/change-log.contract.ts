import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {type ByteString, fromBytes, fromText} from '../entry/byte-string.ts';
import {type DirectoryNumber, type Entry, type Kind, kinds, newEntryFrom} from '../entry/entry.ts';
import {packRun} from '../entry/packed.ts';
import type {LoggedChange} from './changes.ts';
import type {OpenedTree} from './tree-store.contract.ts';
import {aboveRoot, rootDirectory, rootName, type TreeStore, type TreeWrite, verdicts} from './tree-store.ts';

const name = (text: string): ByteString => fromText(text);
const everything = {after: undefined, until: undefined};

function file(text: string, changes: Partial<Entry> = {}): Entry {
  const time = {seconds: 100, nanos: 5};
  return {...newEntryFrom(name(text), {kind: kinds.file as Kind, size: 10, mtime: time, ctime: time}), ...changes};
}

function directory(text: string): Entry {
  return file(text, {kind: kinds.directory});
}

/** A change as one line: `7 moved /a → /b`. */
function line({seq, change, path, from}: LoggedChange): string {
  return `${seq} ${change} ${from === undefined ? '' : `${from} → `}${path}`;
}

/** What every implementation of the seam `TreeStore` promises about its log of changes. */
export function changeLogContract(implementation: string, open: () => Promise<OpenedTree>): void {
  describe(`${implementation} logs its changes`, () => {
    let opened: OpenedTree;
    let store: TreeStore;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.dispose());
    const write = <T>(body: (txn: TreeWrite) => T) => store.write(body as never) as Promise<T>;
    const lines = (since = 0) => store.read(txn => [...txn.changes(since)].map(line));
    const makeDirectory = (parent: DirectoryNumber, text: string) =>
      write(txn => txn.put(parent, directory(text)).directory);

    test('a new store has none, and its log reaches back to the beginning', () => {
      expect(lines()).toEqual([]);
      expect(store.read(txn => txn.changesFrom())).toBe(0);
    });

    test('each change is told with its number, and where it is', async () => {
      const a = await makeDirectory(rootDirectory, 'a');
      await write(txn => {
        txn.put(a, file('x'));
        txn.put(a, file('x', {size: 11}));
        txn.put(rootDirectory, file('y'));
        txn.remove(a, name('x'));
        txn.put(aboveRoot, {...directory(''), name: rootName, directory: rootDirectory});
      });
      expect(lines()).toEqual([
        '1 created /a',
        '2 created /a/x',
        '3 modified /a/x',
        '4 created /y',
        '5 deleted /a/x',
        '6 modified /',
      ]);
      expect(lines(4)).toEqual(['5 deleted /a/x', '6 modified /']);
      expect(lines(6)).toEqual([]);
      const [, created] = store.read(txn => [...txn.changes(0)]);
      const place = {directory: a, name: 'x'};
      expect(created).toEqual({seq: 2, change: 'created', kind: kinds.file, path: '/a/x', from: undefined, ...place});
    });

    test('who spoke of an entry, when, and a blind spot are no changes that anybody sees; they are counted', async () => {
      await write(txn => {
        txn.put(rootDirectory, file('x'));
        txn.put(rootDirectory, file('x', {realtimeAt: 77, agent: 3, isBlindSpot: true}));
        txn.put(rootDirectory, file('x', {isSuspect: true}));
        txn.put(rootDirectory, file('x', {hasAttributes: false}));
      });
      expect(lines()).toEqual(['1 created /x', '3 modified /x', '4 modified /x']);
    });

    test('what is of another kind is created: what stood there is gone with all below it', async () => {
      const a = await makeDirectory(rootDirectory, 'a');
      await write(txn => {
        txn.put(a, file('x'));
        txn.put(rootDirectory, file('a'));
        txn.put(rootDirectory, directory('a'));
        txn.put(rootDirectory, {...directory('a'), size: 5});
      });
      expect(lines(1)).toEqual(['2 created /a/x', '3 created /a', '4 created /a', '5 modified /a']);
    });

    test('a move is one change, whatever is below; what stood there is deleted before', async () => {
      const a = await makeDirectory(rootDirectory, 'a');
      const b = await makeDirectory(rootDirectory, 'b');
      await write(txn => {
        txn.put(a, file('x'));
        txn.put(b, file('y'));
        txn.move({directory: rootDirectory, name: name('a')}, {directory: b, name: name('y')}, {});
        txn.put(a, file('z'));
        txn.move({directory: rootDirectory, name: name('b')}, {directory: rootDirectory, name: name('b')}, {agent: 7});
      });
      expect(lines(4)).toEqual(['5 deleted /b/y', '6 moved /a → /b/y', '7 created /b/y/z']);
    });

    test('a directory that is removed is one change, whatever was below', async () => {
      const a = await makeDirectory(rootDirectory, 'a');
      await write(txn => {
        const deep = txn.put(a, directory('deep')).directory;
        txn.put(deep, file('x'));
        txn.remove(rootDirectory, name('a'));
        while (txn.collect(10));
      });
      expect(lines(3)).toEqual(['4 deleted /a']);
    });

    test('a listing tells what it changed, name by name', async () => {
      const a = await makeDirectory(rootDirectory, 'a');
      await write(txn => {
        for (const text of ['gone', 'same', 'kind', 'other', 'seen']) txn.put(a, file(text));
        const listed = [file('kind', {kind: kinds.symlink}), file('new'), file('other', {size: 3}), file('same')];
        txn.merge(a, everything, packRun([...listed, file('seen')]), 0, (_, found) => {
          if (!found) return verdicts.remove;
          return found.name === 'seen' ? verdicts.reflag | verdicts.suspect : verdicts.take;
        });
      });
      expect(lines(6)).toEqual([
        '7 deleted /a/gone',
        '8 created /a/kind',
        '9 created /a/new',
        '10 modified /a/other',
        '11 modified /a/seen',
      ]);
    });

    test('many changes of many directories come out as they went in, names in any bytes', async () => {
      const wanted: string[] = [];
      await write(txn => {
        let seq = 0;
        for (let d = 0; d < 40; d++) {
          const number = txn.put(rootDirectory, directory(`directory-${d}`)).directory;
          wanted.push(`${++seq} created /directory-${d}`);
          const names = Array.from({length: 100}, (_, i) => fromBytes(Buffer.from([0xff, 0x80 + i, 1 + (d % 40)])));
          const long = `${'x'.repeat(250)}`;
          const entries = [...names, name(`${long}a`), name(`${long}b`)].sort().map(one => ({...file(''), name: one}));
          txn.merge(number, everything, packRun(entries), 1, () => verdicts.take);
          for (const one of entries) wanted.push(`${++seq} created /directory-${d}/${one.name}`);
        }
      });
      expect(lines()).toEqual(wanted);
      expect(lines(2_345)).toEqual(wanted.slice(2_345));
    });

    test('a body that throws leaves none behind, and a body sees its own', async () => {
      await write(txn => txn.put(rootDirectory, file('a')));
      const failing = store.write(txn => {
        txn.put(rootDirectory, file('b'));
        expect([...txn.changes(0)].map(line)).toEqual(['1 created /a', '2 created /b']);
        throw new Error('on purpose');
      });
      const next = write(txn => txn.put(rootDirectory, file('c')));
      await Promise.allSettled([failing, next]);
      expect(lines()).toEqual(['1 created /a', '2 created /c']);
    });

    test('it is there after reopening', async context => {
      const {reopen} = opened;
      if (!reopen) return context.skip();
      await write(txn => txn.put(rootDirectory, file('a')));
      store = await reopen();
      await write(txn => txn.put(rootDirectory, file('b')));
      expect(lines()).toEqual(['1 created /a', '2 created /b']);
    });
  });
}
