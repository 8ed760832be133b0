import {setImmediate as nextTurn} from 'node:timers/promises';
import {expect, test} from 'vitest';
import {Turns} from './turns.ts';

/** Takes this long of the processor. */
function work(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('long answers get their slices in a round, whoever came first', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const answer = (name: string, slices: number) => {
    const slice = () => {
      done.push(name);
      if (--slices > 0) turns.take(slice);
    };
    turns.take(slice);
  };
  answer('a', 3);
  answer('b', 2);
  answer('c', 1);
  while (done.length < 6) await nextTurn();
  expect(done.join('')).toBe('abcaba');
});

test('first slices come before those that go on, one of them and one of the others', async () => {
  const turns = new Turns();
  const done: string[] = [];
  const note = (name: string) => () => void done.push(name);
  for (const name of ['a', 'b', 'c']) turns.take(note(name));
  await Promise.all(['1', '2', '3', '4'].map(name => turns.first(note(name))));
  expect(done.join('')).toBe('1a2b3c4');
  await expect(turns.first(() => JSON.parse('{'))).rejects.toThrow(SyntaxError);
});

test('the event loop gets about a millisecond of slices at a time, however many wait', async () => {
  const turns = new Turns();
  let done = 0;
  for (let i = 0; i < 20; i++) {
    turns.take(() => {
      work(0.4);
      done++;
    });
  }
  const perTurn: number[] = [];
  while (done < 20) {
    const before = done;
    await nextTurn();
    perTurn.push(done - before);
  }
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(4);
});

test('work in slices is done at once where one is enough, and four pieces at a time go on', async () => {
  const turns = new Turns();
  let begun = 0;
  const open = Array.from({length: 6}, () => ({slices: 0, isFree: false}));
  const all = open.map(piece =>
    turns.whole(() => {
      if (piece.slices++ === 1) begun++;
      return piece.isFree;
    }),
  );
  await turns.whole(() => true);
  for (let i = 0; i < 50; i++) await nextTurn();
  expect(begun).toBe(4);
  for (const piece of open.slice(0, 2)) piece.isFree = true;
  while (begun < 6) await nextTurn();
  for (const piece of open) piece.isFree = true;
  await Promise.all(all);
});

test('what a slice throws ends its work and no other', async () => {
  const turns = new Turns();
  let slices = 0;
  await expect(
    turns.whole(() => {
      if (slices++ === 2) throw new Error('no such page');
      return false;
    }),
  ).rejects.toThrow('no such page');
  await turns.whole(() => slices++ > 5);
});
