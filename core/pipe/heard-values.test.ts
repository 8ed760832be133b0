import {expect, test} from 'vitest';
import {hlcAt} from '../time/hlc.ts';
import {HeardValues} from './heard-values.ts';

const start = Date.UTC(2026, 0, 1);
const at = (ms: number) => hlcAt(start + ms);

test('of several values the one that came fastest counts, for a minute', () => {
  const heard = new HeardValues();
  heard.hear(at(0), 500);
  heard.hear(at(1_000), 1_100); // 400 ms faster
  heard.hear(at(2_000), 2_900);
  expect(heard.for(3_000)).toEqual({hlc: at(1_000), at: 1_100});
  heard.hear(at(70_000), 75_000);
  expect(heard.for(75_000)).toEqual({hlc: at(70_000), at: 75_000});
});

test('what waited through an outage is told with what was heard before it', () => {
  const heard = new HeardValues();
  heard.hear(at(0), 0);
  heard.interrupt();
  heard.hear(at(3_600_000), 3_600_000);
  expect(heard.for(1_000_000)).toEqual({hlc: at(0), at: 0});
  expect(heard.for(3_599_500)).toMatchObject({at: 3_600_000});
  expect(heard.for(undefined)).toMatchObject({at: 3_600_000});
  heard.clear();
  expect(heard.for(1_000_000)).toBe(undefined);
});

test('what nothing was heard before is told with what was heard since', () => {
  const heard = new HeardValues();
  heard.hear(at(10_000), 10_000);
  expect(heard.for(0)).toEqual({hlc: at(10_000), at: 10_000});
});
