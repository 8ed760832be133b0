import {expect, test} from 'vitest';
import {trendOf} from './trend.ts';
import {withoutAge} from './usage.ts';

const limits = {part: 0.25, floor: 10};
const line = (perSecond: number) =>
  Array.from({length: 100}, (_, i) => ({atS: 10 * i, value: 50 + perSecond * 10 * i}));

test('what grows by more than its limit is not flat', () => {
  expect(trendOf(line(1), limits)).toMatchObject({isFlat: false});
  expect(trendOf(line(1), limits).growth).toBeCloseTo(990);
  expect(trendOf(line(1), limits).perHour).toBeCloseTo(3600);
});

test('what stays, shrinks, goes up and down, or was not seen for long is flat', () => {
  const wave = line(0).map(({atS, value}) => ({atS, value: value + (atS % 20) * 4}));
  for (const samples of [line(0), line(-1), wave, [], line(1).slice(0, 2), line(1).slice(0, 50)]) {
    expect(trendOf(samples, limits).isFlat).toBe(true);
  }
});

test('that a process grows while it is young is no growth of the run; that each new one is larger, or that an old one grows, is', () => {
  const run = (leak: number) =>
    Array.from({length: 100}, (_, i) => ({atS: 10 * i, ageS: 10 * (1 + (i % 8) * (1 + i / 100)), value: 0})).map(
      sample => ({
        ...sample,
        value: 50 + Math.min(sample.ageS, 160) + leak * sample.atS,
      }),
    );
  expect(trendOf(withoutAge(run(0)), limits)).toMatchObject({isFlat: true});
  expect(trendOf(withoutAge(run(1)), limits)).toMatchObject({isFlat: false});
  const old = line(1).map(sample => ({...sample, ageS: 200 + sample.atS}));
  expect(trendOf(withoutAge(old), limits)).toMatchObject({isFlat: false});
});
