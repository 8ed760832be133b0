import {expect, test} from 'vitest';
import {RescanPause} from './rescan-pause.ts';

test('pauses double up to five minutes however long a scan takes, and begin anew after a time without', () => {
  const pause = new RescanPause();
  let now = 0;
  const afterNext = (waitedMs = 0) => {
    const beganAt = now + waitedMs;
    now = beganAt + 3_600_000;
    pause.ended({beganAt, now});
    const leftMs = pause.leftMs(now);
    now += leftMs;
    return leftMs / 1_000;
  };
  expect(pause.leftMs(0)).toBe(0);
  expect(Array.from({length: 7}, () => afterNext())).toEqual([10, 20, 40, 80, 160, 300, 300]);
  expect(pause.leftMs(now)).toBe(0);
  expect(afterNext(299_999)).toBe(300);
  expect(afterNext(300_000)).toBe(10);
});
