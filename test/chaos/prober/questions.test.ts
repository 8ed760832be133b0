import {join} from 'node:path';
import {expect, test} from 'vitest';
import {makeTree} from '../../lib/make-tree.ts';
import {Prng} from '../../lib/prng.ts';
import {temporaryFolder} from '../../lib/temporary-folder.ts';
import {check, Questions} from './questions.ts';

const tree = {url: '/tree', status: 200, entries: 2, isPaged: false} as const;
const whole = {data: {children: [{children: [{}]}]}, meta: {complete: true, next_cursor: 'more'}};
const answer = (status: number, body: unknown) => ({status, text: JSON.stringify(body)});

test('a whole answer with the right number of entries is right, and tells where the next page is', () => {
  expect(check(answer(200, whole), tree, true)).toEqual({next: 'more'});
});

test('a cut body, a missing meta, another status and a missing entry are wrong', () => {
  const text = JSON.stringify(whole);
  for (const bad of [
    {status: 200, text: text.slice(0, -1)},
    answer(200, {data: whole.data}),
    answer(503, {error: {}, meta: {complete: true}}),
    answer(404, {error: {}, meta: {complete: true}}),
    answer(200, {...whole, data: {children: [{}]}}),
  ]) {
    expect(check(bad, tree, true)).toHaveProperty('wrong');
  }
});

test('before the first snapshot what is not seen yet may be missing, when the answer says so', () => {
  const early = answer(404, {error: {}, meta: {complete: false}});
  expect(check(early, tree, false)).toEqual({next: undefined});
  expect(check(early, tree, true)).toHaveProperty('wrong');
  expect(check(answer(200, {data: {}, meta: {complete: true}}), tree, false)).toHaveProperty('wrong');
});

test('questions know how many entries the directories of the base have', () => {
  using folder = temporaryFolder();
  const base = join(folder.path, 'base');
  const entries = makeTree(base, 700);
  const questions = new Questions(base, new Prng(1));
  const asked = Array.from({length: 2_000}, () => questions.next());
  const recursive = asked.find(({url}) => url.endsWith('recursive=true&path=/base'));
  expect(recursive?.entries).toBe(entries);
  expect(asked.some(({status}) => status === 404)).toBe(true);
});
