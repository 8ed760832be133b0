import {expect, test} from 'vitest';
import {trendOf} from './trend.ts';

const limits = {part: 0.25, floor: 10};
const line = (perSecond: number) => Array.from({length: 100}, (_, atS) => ({atS, value: 50 + perSecond * atS}));

test('what grows by more than its limit is not flat', () => {
  expect(trendOf(line(1), limits)).toMatchObject({isFlat: false});
  expect(trendOf(line(1), limits).growth).toBeCloseTo(99);
  expect(trendOf(line(1), limits).perHour).toBeCloseTo(3600);
});

test('what stays, shrinks, or goes up and down is flat', () => {
  const wave = line(0).map(({atS, value}) => ({atS, value: value + (atS % 2) * 40}));
  for (const samples of [line(0), line(-1), wave, [], line(1).slice(0, 2)]) {
    expect(trendOf(samples, limits).isFlat).toBe(true);
  }
});
