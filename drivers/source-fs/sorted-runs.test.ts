import {expect, test, vi} from 'vitest';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {kinds, newEntryFrom, zeroTime} from '../../core/entry/entry.ts';
import {PackedCursor, packRun, runProblem} from '../../core/entry/packed.ts';
import {Prng} from '../../test/lib/prng.ts';
import {runEntriesMax, SortedRuns} from './sorted-runs.ts';

vi.setConfig({testTimeout: 60_000});

const attributes = {kind: kinds.file, size: 7, mtime: zeroTime, ctime: zeroTime};

function add(sorted: SortedRuns, name: string): void {
  const bytes = packRun([newEntryFrom(name as ByteString, attributes)]);
  sorted.packed.set(bytes, sorted.end);
  sorted.add(sorted.end + bytes.length);
}

function namesOf(run: Uint8Array): string[] {
  const names: string[] = [];
  for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) names.push(cursor.name);
  return names;
}

test.each([0, 1, 3_999, 4_000, 4_001, 20_000, 120_000])('%i names in any order become sorted runs of 4,000', count => {
  const random = new Prng(count);
  const names = Array.from({length: count}, (_, i) => `${random.below(1e9)}-${i}-${'long'.repeat(random.below(10))}`);
  const sorted = new SortedRuns();
  add(sorted, 'of a directory that could not be read to its end');
  sorted.clear();
  for (const name of names) add(sorted, name);
  const result = sorted.take();
  expect(result.count).toBe(count);
  expect(result.runs.map(run => runProblem(run)).filter(problem => problem !== undefined)).toEqual([]);
  expect(result.runs.flatMap(namesOf)).toEqual(names.sort());
  expect(result.runs).toHaveLength(Math.max(1, Math.ceil(count / runEntriesMax)));
});

test('a name that is given twice is told once, and the next directory begins anew', () => {
  const sorted = new SortedRuns();
  for (const round of [0, 1]) {
    for (let i = 0; i < 150_000; i++) add(sorted, `${i}-${round}`);
    for (const twice of ['0', '4000', '149999']) add(sorted, `${twice}-${round}`);
    const {runs, count} = sorted.take();
    expect(count).toBe(150_000);
    expect(new Set(runs.flatMap(namesOf)).size).toBe(150_000);
  }
});
