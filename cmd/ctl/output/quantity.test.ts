import {expect, test} from 'vitest';
import {bytesText, durationText} from './quantity.ts';

test.each([
  [0, '0ms'],
  [999, '999ms'],
  [1_500, '1s'],
  [61_000, '1m 1s'],
  [3_600_000, '1h 0m'],
  [97_200_000, '1d 3h'],
  [null, '-'],
])('%s ms is %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

test.each([
  [0, '0B'],
  [1_023, '1023B'],
  [1_024, '1.0KiB'],
  [97_600_000, '93.1MiB'],
  [undefined, '-'],
])('%s bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});
