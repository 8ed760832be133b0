import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import fc from 'fast-check';
import {expect, test} from 'vitest';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {lineEdits, unifiedDiff} from './line-diff.ts';

const line = fc.constantFrom('a\n', 'b\n', 'c\n', 'd\n');
const lines = fc.array(line, {maxLength: 40});

test('the edits lead from one text to the other, and no shorter ones do', () => {
  fc.assert(
    fc.property(lines, lines, (from, to) => {
      const edits = lineEdits(from, to);
      const without = (other: string) => edits.filter(({kind}) => kind !== other).map(({line}) => line);
      expect([without('+'), without('-')]).toEqual([from, to]);
      expect(edits.filter(({kind}) => kind === ' ').length).toBe(longestCommon(from, to));
    }),
    {numRuns: 500},
  );
});

test('patch makes one text of the other', () => {
  using folder = temporaryFolder();
  const file = join(folder.path, 'file');
  const text = fc.tuple(lines, fc.constantFrom('', 'end')).map(([all, end]) => all.join('') + end);
  fc.assert(
    fc.property(text, text, (from, to) => {
      fc.pre(from !== to && from !== '' && to !== '');
      writeFileSync(file, from);
      writeFileSync(`${file}.patch`, `--- file\n+++ file\n${unifiedDiff(from, to)}`);
      execFileSync('git', ['-C', folder.path, 'apply', '--unidiff-zero', 'file.patch'], {stdio: 'pipe'});
      expect(execFileSync('cat', [file], {encoding: 'utf8'})).toBe(to);
    }),
    {numRuns: 30},
  );
});

test('it is told as people know it', () => {
  const from = 'one\ntwo\nthree\nfour\nfive\nsix\n';
  expect(unifiedDiff(from, from.replace('five', '5'))).toBe('@@ -2,5 +2,5 @@\n two\n three\n four\n-five\n+5\n six\n');
  expect(unifiedDiff('', 'one')).toBe('@@ -0,0 +1,1 @@\n+one\n\\ No newline at end of file\n');
  expect(unifiedDiff(from, from)).toBe('');
});

test('texts that have nothing in common are one block, and take no time', () => {
  const many = (word: string) => Array.from({length: 20_000}, (_, at) => `${word} ${at}\n`).join('');
  const began = performance.now();
  expect(unifiedDiff(many('a'), many('b')).split('\n', 1)).toEqual(['@@ -1,20000 +1,20000 @@']);
  expect(performance.now() - began).toBeLessThan(5_000);
});

function longestCommon(from: readonly string[], to: readonly string[]): number {
  let row = new Array<number>(to.length + 1).fill(0);
  for (const one of from) {
    const next = [0];
    for (const [at, other] of to.entries()) {
      next.push(one === other ? row[at]! + 1 : Math.max(next[at]!, row[at + 1]!));
    }
    row = next;
  }
  return row.at(-1)!;
}
