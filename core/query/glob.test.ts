import fc from 'fast-check';
import picomatch from 'picomatch';
import {expect, test} from 'vitest';
import {Glob} from './glob.ts';

test.each([
  ['*.csv', ['a.csv', '.csv', 'a b.csv'], ['a.csv.gz', 'a/b.csv', 'csv']],
  ['data-??', ['data-01', 'data-üö'], ['data-1', 'data-123', 'data-/1']],
  ['[a-c]x[!0-9]', ['axy', 'cx-'], ['dxy', 'ax1', 'ax/']],
  ['[]x]', [']', 'x'], ['y', '[]x]']],
  ['{a,b{1,2}}.t', ['a.t', 'b1.t', 'b2.t'], ['b.t', '{a,b{1,2}}.t']],
  ['a{x}', ['a{x}'], ['ax']],
  ['\\*\\{', ['*{'], ['x{', '\\*{']],
  ['[x', ['[x'], ['x']],
  ['', [''], ['a']],
  ['/**/x', ['/x', '/a/x', '/a/b/x'], ['/ax', 'x', '/a/bx']],
  ['/a/**', ['/a/', '/a/b', '/a/b/c'], ['/a', '/b/a/']],
  ['/a/**/b/*.c', ['/a/b/x.c', '/a/y/z/b/x.c'], ['/a/b/y/x.c', '/axb/x.c']],
  ['**', ['', 'a', '/a/b'], []],
])('%s', (pattern, matching, others) => {
  const glob = new Glob(pattern);
  expect({
    matching: matching.filter(text => !glob.matches(text)),
    others: others.filter(text => glob.matches(text)),
  }).toEqual({
    matching: [],
    others: [],
  });
});

test.each([
  ['report-*.csv', [['report-', '.csv']]],
  ['*a?bcd[e]fg', [['a', 'bcd', 'fg']]],
  ['*\\*x*', [['*x']]],
  ['{a,b*}c', [['b', 'c'], ['ac']]],
  ['***', [[]]],
  ['/ab/**/c*d', [['c', 'd']]],
  ['/ab/c**d', [['d']]],
  ['/ab/*', [[]]],
])('the last part of what matches %s has %j in it', (pattern, literals) => {
  expect(new Glob(pattern).literals).toEqual(literals);
});

test('names match as picomatch has it', () => {
  const anyPattern = fc.array(fc.constantFrom('a', 'b', '?', '*', '[ab]', '[^a]', '{a,b*}'), {
    minLength: 1,
    maxLength: 6,
  });
  const anyText = fc.array(fc.constantFrom('a', 'b', 'c'), {minLength: 1, maxLength: 6});
  fc.assert(
    fc.property(anyPattern, anyText, (parts, letters) => {
      const pattern = parts.join('').replace(/\*{2,}/g, '*');
      const text = letters.join('');
      expect([pattern, text, new Glob(pattern).matches(text)]).toEqual([
        pattern,
        text,
        picomatch(pattern, {dot: true})(text),
      ]);
    }),
    {numRuns: 2_000},
  );
});

test('a pattern that would keep an expression busy for years takes no time', () => {
  const glob = new Glob(`${'*a'.repeat(60)}b`);
  expect(glob.matches('a'.repeat(255))).toBe(false);
  expect(() => new Glob('{a,b}'.repeat(10))).toThrow('more than 100 patterns');
});

test('what one character is compared with is bounded, whatever the pattern', () => {
  const letters = Array.from({length: 100}, (_, at) => String.fromCharCode(0x100 + at)).join(',');
  expect(() => new Glob(`*{${letters}}${'?*'.repeat(390)}`)).toThrow('more than 4000 characters and wildcards');
  expect(() => new Glob(`{${letters}}[${'a'.repeat(700)}]`)).toThrow('more than 4000 characters and wildcards');
  expect(new Glob(`{${letters}}*.csv`).weight).toBe(600);
  expect(new Glob('[a-zA-Z_]?*').weight).toBe(5);
});

test('wildcards one behind the other match as one does', () => {
  const glob = new Glob(`/${'**/'.repeat(100)}${'**'.repeat(200)}x`);
  expect(['/x', '/a/x', '/a/bx', '/a/b'].map(path => glob.matches(path))).toEqual([true, true, true, false]);
});
