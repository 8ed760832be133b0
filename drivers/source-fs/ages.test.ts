import {expect, test} from 'vitest';
import {Ages} from './ages.ts';

async function isPast(past: Promise<void>): Promise<boolean> {
  return Promise.race([past.then(() => true), new Promise<false>(resolve => setImmediate(() => resolve(false)))]);
}

test('a moment is past when all that began before it is over, whatever began later', async () => {
  const ages = new Ages();
  const [first, second] = [ages.begin(), ages.begin()];
  const past = ages.past();
  const later = ages.begin();
  ages.end(first);
  expect(await isPast(past)).toBe(false);
  ages.end(second);
  expect(await isPast(past)).toBe(true);
  const after = ages.past();
  expect(await isPast(after)).toBe(false);
  ages.end(later);
  expect(await isPast(after)).toBe(true);
  expect(await isPast(ages.past())).toBe(true);
});

test('what something leads to is as old as it', async () => {
  const ages = new Ages();
  const look = ages.begin();
  const past = ages.past();
  let reading = -1;
  ages.during(look, () => {
    reading = ages.begin();
  });
  const other = ages.begin();
  ages.end(look);
  expect(await isPast(past)).toBe(false);
  ages.end(reading);
  expect(await isPast(past)).toBe(true);
  ages.end(other);
});

test('what scans have found is waited for, or not', async () => {
  const ages = new Ages();
  const found = ages.beginFound();
  const look = ages.begin();
  const [past, pastButFound] = [ages.past(), ages.pastButFound()];
  ages.end(look);
  expect(await isPast(pastButFound)).toBe(true);
  expect(await isPast(past)).toBe(false);
  ages.endFound(found);
  expect(await isPast(past)).toBe(true);
});
