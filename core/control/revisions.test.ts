import fc from 'fast-check';
import {beforeEach, expect, test} from 'vitest';
import {testSealing as sealing} from '../../test/lib/identity-parts.ts';
import {MemoryControl} from '../../test/lib/memory-control.ts';
import type {ControlWrite} from './control-store.ts';
import {addRevision, filesOf, getRevision, isKept, listRevisions, newestRevision, revisionsMax} from './revisions.ts';

let txn: ControlWrite;
beforeEach(() => {
  txn = new MemoryControl();
});

const facts = {at: 1, author: 'ada', message: 'why', origin: 'api' as const, commit: undefined};
function add(files: Record<string, string>, {neededFrom = 0, keep = revisionsMax} = {}): number {
  const given = {...facts, files: new Map(Object.entries(files))};
  return addRevision(txn, given, {sealing, neededFrom, keep}).number;
}
const textsOf = (number: number) => Object.fromEntries(filesOf(txn, number, sealing));
const blobs = () => txn.records('blobs').filter(({key}) => !key.includes(' ')).length;

test('revisions count from one, and each has its files', () => {
  expect([add({'a.yaml': 'a'}), add({'a.yaml': 'b', 'c.yaml': 'a'})]).toEqual([1, 2]);
  expect([textsOf(0), textsOf(1), textsOf(2)]).toEqual([{}, {'a.yaml': 'a'}, {'a.yaml': 'b', 'c.yaml': 'a'}]);
  expect(newestRevision(txn)).toMatchObject({number: 2, author: 'ada'});
  expect(listRevisions(txn, {limit: 5}).map(({number}) => number)).toEqual([2, 1]);
  expect(listRevisions(txn, {limit: 5, before: 2}).map(({number}) => number)).toEqual([1]);
  expect(blobs()).toBe(2);
});

test('one that is not there is not found', () => {
  expect(() => getRevision(txn, 1)).toThrow(expect.objectContaining({code: 'NOT_FOUND'}));
  expect(() => textsOf(1)).toThrow(expect.objectContaining({code: 'NOT_FOUND'}));
  expect([isKept(txn, 0), isKept(txn, 1)]).toEqual([true, false]);
});

test('a text that is not what was stored is noticed', () => {
  add({'a.yaml': 'a'});
  const [blob] = txn.records('blobs');
  txn.putRecord('blobs', blob!.key, {sealed: sealing.seal(Buffer.from('b')), unused: undefined});
  expect(() => textsOf(1)).toThrow(expect.objectContaining({code: 'STORE_FAILED'}));
  txn.removeRecord('blobs', blob!.key);
  add({});
  expect(() => textsOf(1)).toThrow(expect.objectContaining({code: 'STORE_FAILED'}));
});

test('the last ones are kept, with all that they consist of, and nothing else', () => {
  for (let number = 1; number <= 15; number++)
    add({'same.yaml': 'same', 'a.yaml': `${number}`}, {neededFrom: number, keep: 10});
  expect([isKept(txn, 5), isKept(txn, 6)]).toEqual([false, true]);
  expect(textsOf(6)).toEqual({'same.yaml': 'same', 'a.yaml': '6'});
  expect(blobs()).toBe(11);
  expect(revisionsMax).toBe(1_000);
});

test('none is forgotten that is in force, or since', () => {
  for (let number = 1; number <= 15; number++) add({'a.yaml': `${number % 3}`}, {neededFrom: 3, keep: 5});
  expect([isKept(txn, 2), isKept(txn, 3)]).toEqual([false, true]);
  expect(textsOf(3)).toEqual({'a.yaml': '0'});
});

test('whatever comes and goes, what is kept is whole and nothing else is', () => {
  const text = fc.constantFrom('a', 'b', 'c', 'd');
  const files = fc.dictionary(fc.constantFrom('1.yaml', '2.yaml', '3.yaml'), text);
  fc.assert(
    fc.property(fc.array(fc.tuple(files, fc.nat(4)), {maxLength: 12}), history => {
      txn = new MemoryControl();
      let needed = 1;
      const all = history.map(([one, more], at) => {
        needed = Math.max(needed, Math.min(at + 1, needed + more));
        expect(add(one, {neededFrom: needed, keep: 3})).toBe(at + 1);
        return one;
      });
      expect(isKept(txn, Math.max(0, all.length - 2))).toBe(true);
      const kept = all.flatMap((one, at) => (isKept(txn, at + 1) ? [[at + 1, one] as const] : []));
      for (const [number, one] of kept) expect(textsOf(number)).toEqual(one);
      expect(blobs()).toBe(new Set(kept.flatMap(([, one]) => Object.values(one))).size);
    }),
  );
});
