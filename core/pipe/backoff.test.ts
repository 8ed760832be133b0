import {expect, test} from 'vitest';
import {backoffMs} from './backoff.ts';

const backoff = {minMs: 100, maxMs: 10_000};

test('the ceiling doubles with each attempt up to the longest pause', () => {
  expect([0, 1, 2, 10, 1_000].map(attempt => backoffMs(backoff, attempt, 1))).toEqual([100, 200, 400, 10_000, 10_000]);
  expect([0, 1, 2].map(attempt => backoffMs(backoff, attempt, 0))).toEqual([50, 50, 50]);
});

test('what the other side asks for is waited at least, and some of it more', () => {
  expect([0, 0.5, 1].map(random => backoffMs(backoff, 0, random, 2_000))).toEqual([2_000, 2_500, 3_000]);
  expect(backoffMs(backoff, 10, 1, 2_000)).toBe(10_000);
});
