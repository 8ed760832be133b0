import {expect, test} from 'vitest';
import {escapeName} from './escape.ts';

test.each([
  ['plain name.txt', 'plain name.txt'],
  ['Ω 日本 é', 'Ω 日本 é'],
  ['a\nb\tc\rd', 'a\\nb\\tc\\rd'],
  ['back\\slash', 'back\\\\slash'],
  ['\u001b[31mred', '\\033[31mred'],
  ['right\u202eleft', 'right\\342\\200\\256left'],
  ['nel\u0085', 'nel\\302\\205'],
])('%j is shown as %s', (name, shown) => {
  expect(escapeName(Buffer.from(name))).toBe(shown);
});

test('bytes that are not UTF-8 are shown in octal, between them what is', () => {
  expect(escapeName(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xc3]))).toBe('a\\377é\\303');
});
