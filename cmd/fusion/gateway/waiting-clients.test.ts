import {expect, test} from 'vitest';
import {until} from '../../../test/lib/until.ts';
import {WaitingClients} from './waiting-clients.ts';

const answer = () => ({
  isBroken: false,
  destroy() {
    this.isBroken = true;
  },
});

test('chunks get smaller with the clients that wait, and any number of them has bounded memory', () => {
  const waiting = new WaitingClients();
  const sizes: number[] = [];
  let bytes = 0;
  for (let i = 0; i < 20_000; i++) {
    bytes += waiting.chunkBytes;
    waiting.add(answer());
    sizes.push(waiting.chunkBytes);
  }
  expect([sizes[0], sizes[511], sizes[1_023], sizes[19_999]]).toEqual([131_072, 32_768, 24_576, 4_096]);
  expect(bytes).toBeLessThan(180 * 2 ** 20);
});

test('where there is no room, who took nothing for longest goes first, and nobody who waits for a moment only', async () => {
  const waiting = new WaitingClients();
  const [first, second, taken] = [answer(), answer(), answer()];
  for (const each of [taken, first, second]) waiting.add(each);
  waiting.remove(taken);
  expect(waiting.breakOff(5)).toBe(0);
  await until(() => waiting.breakOff(1) === 1, {timeoutMs: 5_000});
  expect([first, second, taken].map(({isBroken}) => isBroken)).toEqual([true, false, false]);
  waiting.add(taken);
  expect(waiting.breakOff(5)).toBe(1);
  expect([second.isBroken, taken.isBroken, waiting.count]).toEqual([true, false, 1]);
});
