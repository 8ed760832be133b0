import {readFileSync} from 'node:fs';
import {expect, test} from 'vitest';
import {releaseMemory} from './release-memory.ts';

test('pages of the executable are given back, and come again when they are needed', () => {
  const before = mappedKb();
  releaseMemory();
  expect(mappedKb()).toBeLessThan(before);
  expect(structuredClone({list: 'b,a'.split(',').sort()})).toEqual({list: ['a', 'b']});
  releaseMemory();
});

function mappedKb(): number {
  return Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}
