import {expect, test} from 'vitest';
import {picture} from './output/picture.ts';
import {readmeTable} from './output/readme-table.ts';
import {terminalTable} from './output/terminal-table.ts';
import {type Goal, goalOf, goalsText, type Row, Rows} from './rows.ts';

function rowOf(value: number, goal?: Goal): Row {
  const rows = new Rows(() => {});
  rows.add({name: 'a figure', value, unit: 'ms', against: 'find | du', ...(goal && {goal})});
  return rows.all[0]!;
}

test.each([
  [20, {atMost: 20}, true],
  [20.1, {atMost: 20}, false],
  [1_000_000, {atLeast: 1_000_000}, true],
  [999_999, {atLeast: 1_000_000}, false],
])('%d is judged against %j: met is %s', (value, goal, met) => {
  expect(rowOf(value, goal).met).toBe(met);
});

test.each([{atMost: 0.2}, {atMost: 1.5}, {atLeast: 2_000_000}])('the goal %j is read back from its text', goal => {
  expect(goalOf(rowOf(1, goal))).toEqual(goal);
});

test('a figure without a goal is neither met nor missed', () => {
  const rows = [rowOf(1), rowOf(1, {atMost: 2}), rowOf(3, {atMost: 2})];
  expect(rows[0]).toMatchObject({goal: '', met: null});
  expect(goalsText(rows)).toBe('1 of 2 goals met, 1 missed');
});

test('of few files no goal is judged', () => {
  const rows = new Rows(() => {}, {areGoalsJudged: false});
  rows.add({name: 'a figure', value: 3, unit: 'ms', goal: {atMost: 2}});
  expect(rows.all[0]).toMatchObject({goal: '', met: null});
  expect(goalsText(rows.all)).toBe('no goal was judged');
});

test('what a figure is measured against is wrapped in a terminal, and none of its words is lost', () => {
  const against = Array.from({length: 60}, (_, i) => `word${i}`).join(' ');
  const lines = terminalTable([{...rowOf(1), against}], 100).split('\n');
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(100);
  expect(lines.join(' ').match(/word\d+/g)).toEqual(against.split(' '));
});

test('a bar in a text does not end the cell of a Markdown table', () => {
  expect(
    readmeTable([rowOf(1, {atMost: 2})])
      .split('\n')
      .at(-1),
  ).toContain('find \\| du');
});

test('the picture says in words what is met and what is missed', () => {
  const svg = picture([rowOf(1, {atMost: 2}), rowOf(30, {atMost: 2})]);
  expect(svg).toContain('a figure: 1 ms, goal ≤ 2, met. a figure: 30 ms, goal ≤ 2, missed.');
});

test('a figure of nothing, or of far too much, stays within the picture', () => {
  const svg = picture([rowOf(0, {atMost: 2}), rowOf(1e12, {atMost: 2}), rowOf(0, {atMost: 0}), rowOf(1, {atMost: 0})]);
  const numbers = [...svg.matchAll(/ (?:x|width)="([^"]*)"/g)].map(([, number]) => Number(number));
  expect(numbers.filter(number => !(number >= 0 && number <= 1_200))).toEqual([]);
});
