import {expect, test} from 'vitest';
import {take} from '../../core/tree/take.ts';
import {each, weighted} from './schedule.ts';

const faults = [
  {name: 'often', weight: 9},
  {name: 'seldom', weight: 1},
  {name: 'never', weight: 0},
];

test('the same seed makes the same list, another seed another one', () => {
  const list = (seed: number) => [...take(weighted(faults, seed), 50)];
  expect(list(7)).toEqual(list(7));
  expect(list(7)).not.toEqual(list(8));
});

test('faults come as often as their weight says', () => {
  const list = [...take(weighted(faults, 3), 1_000)].map(({fault}) => fault);
  expect(list.filter(name => name === 'often').length).toBeGreaterThan(850);
  expect(list.filter(name => name === 'seldom').length).toBeGreaterThan(50);
  expect(list).not.toContain('never');
});

test('a fault without weight comes when nothing else is wanted', () => {
  const [first] = take(weighted([{name: 'calm', weight: 0}], 1), 1);
  expect(first?.fault).toBe('calm');
});

test('each fault comes as often as asked', () => {
  const names = [...each(faults, 20, 5)].map(({fault}) => fault);
  for (const {name} of faults) expect(names.filter(one => one === name).length).toBe(20);
});
