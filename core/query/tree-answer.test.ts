import fc from 'fast-check';
import {expect, test} from 'vitest';
import {openMemoryTree} from '../../test/lib/memory-tree.ts';
import {fromText} from '../entry/byte-string.ts';
import {kinds, newEntryFrom} from '../entry/entry.ts';
import {packRun} from '../entry/packed.ts';
import {rootPath} from '../entry/path.ts';
import {rootDirectory, verdicts} from '../tree/tree-store.ts';
import {AnswerParts, TreeAnswer} from './tree-answer.ts';

const time = {seconds: 1_700_000_000, nanos: 5};

test('a directory that was emptied is shown empty, again and again', async () => {
  const tree = openMemoryTree();
  const parts = new AnswerParts();
  const ask = () => {
    const query = {
      view: 'v',
      path: rootPath,
      after: undefined,
      depthMax: 1,
      limit: Number.POSITIVE_INFINITY,
    };
    return tree.read(txn => new TreeAnswer(query, parts).next(txn, 0)!).toString();
  };
  const name = fromText('file');
  await tree.write(txn => {
    txn.put(rootDirectory, newEntryFrom(name, {kind: kinds.file, size: 1, mtime: time, ctime: time}));
    txn.setDirectory(rootDirectory, {listedAt: 1});
  });
  expect([ask(), ask()].map(answer => answer.includes('file"'))).toEqual([true, true]);
  await tree.write(txn => txn.remove(rootDirectory, name));
  for (let i = 0; i < 3; i++) expect(ask()).toContain('"children":[]');
  await tree.close();
});

test('what is kept of earlier answers never shows: the same answer as without, whatever changed between two', async () => {
  const change = fc.record({
    kind: fc.constantFrom('put', 'remove', 'list'),
    number: fc.nat(40),
    size: fc.nat(3),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, {maxLength: 30}), async changes => {
      const tree = openMemoryTree();
      const parts = new AnswerParts();
      const answer = (limit: number) => {
        const query = {view: 'v', path: rootPath, after: undefined, depthMax: 1, limit};
        const one = new TreeAnswer(query, parts);
        const chunks: Buffer[] = [];
        while (!one.isDone) chunks.push(tree.read(txn => one.next(txn, 0)!));
        return Buffer.concat(chunks).toString();
      };
      for (const [at, {kind, number, size}] of changes.entries()) {
        const name = fromText(`n${number}`);
        const entry = newEntryFrom(name, {kind: kinds.file, size, mtime: time, ctime: time});
        await tree.write(txn => {
          if (kind === 'put') txn.put(rootDirectory, entry);
          else if (kind === 'remove') txn.remove(rootDirectory, name);
          else {
            txn.merge(rootDirectory, {after: undefined, until: undefined}, packRun([entry]), 1, stored =>
              stored ? verdicts.keep : verdicts.take,
            );
            txn.setDirectory(rootDirectory, {listedAt: at + 1});
          }
        });
        expect(answer(Number.POSITIVE_INFINITY)).toBe(answer(1e9));
      }
      await tree.close();
    }),
  );
});

test.each([
  ['cannot be read any more', ''],
  ['is another one', 'other'],
])('a long answer whose store %s breaks off in place of seeming whole', async (_, storeId) => {
  const [begun, now] = [openMemoryTree(), openMemoryTree(storeId)];
  for (const tree of [begun, now]) {
    await tree.write(txn => {
      for (let i = 0; i < 2_000; i++) {
        const attributes = {kind: kinds.file, size: i, mtime: time, ctime: time};
        txn.put(rootDirectory, newEntryFrom(fromText(`file-${i}`), attributes));
      }
    });
  }
  const query = {view: 'v', path: rootPath, after: undefined, depthMax: 9, limit: Number.POSITIVE_INFINITY};
  const answer = new TreeAnswer(query);
  begun.read(txn => answer.next(txn, 0));
  expect(answer.isDone).toBe(false);
  expect(() => now.read(txn => answer.next(txn, 0))).toThrow(/store of the view/);
  expect(() => begun.read(txn => answer.next(txn, 0))).toThrow(/goes on behind a chunk that failed/);
  for (const tree of [begun, now]) await tree.close();
});
