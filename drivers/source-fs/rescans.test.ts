import {afterEach, beforeEach, expect, test, vi} from 'vitest';
import {Rescans} from './rescans.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const hourMs = 3_600_000;

/** Rescans that end when they are told to. */
function openRescans() {
  const ends: (() => void)[] = [];
  const rescans = new Rescans(() => new Promise<void>(resolve => ends.push(resolve)));
  return {rescans, ends};
}

test('what is missed while a rescan runs makes another one due, which runs behind it', async () => {
  const {rescans, ends} = openRescans();
  rescans.plan();
  await vi.advanceTimersByTimeAsync(hourMs);
  rescans.plan();
  rescans.plan();
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(ends).toHaveLength(1);
  ends[0]!();
  await vi.advanceTimersByTimeAsync(0);
  expect(rescans.isDue).toBe(true);
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(ends).toHaveLength(2);
  expect(rescans.isDue).toBe(true);
  ends[1]!();
  await vi.advanceTimersByTimeAsync(hourMs);
  expect([ends.length, rescans.isDue]).toEqual([2, false]);
});

test('none runs after they were stopped', async () => {
  const {rescans, ends} = openRescans();
  rescans.plan();
  await vi.advanceTimersByTimeAsync(hourMs);
  rescans.plan();
  rescans.stop();
  ends[0]!();
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(ends).toHaveLength(1);
});
