import {expect, test} from 'vitest';
import {judge} from './judge.ts';
import type {Problem, ProblemKind} from './prober/messages.ts';

const killedAt = 1_000_000;
const lost = [{at: killedAt, ports: new Set([40_001])}];

function problem(kind: ProblemKind, more: Partial<Problem> = {}): Problem {
  const retry = {isOk: true, detail: ''};
  return {at: killedAt + 5, phase: 0, kind, question: '/x', detail: '', isNew: true, port: 40_001, retry, ...more};
}

test('a reset of a connection that a killed process had accepted is excused when a retry succeeds', () => {
  expect(judge(problem('reset'), {lost, mayRefuse: false})).toBeUndefined();
  expect(judge(problem('reset', {retry: {isOk: false, detail: ''}}), {lost, mayRefuse: false})).toContain('reset');
});

test('a reset of another connection, before the kill, or long after it, is not excused', () => {
  for (const more of [{port: 40_002}, {port: undefined}, {at: killedAt - 1}, {at: killedAt + 60_000}]) {
    expect(judge(problem('reset', more), {lost, mayRefuse: false})).toContain('no process that was killed');
  }
});

test('what waited in the socket may be reset with it', () => {
  expect(judge(problem('reset', {port: 40_002}), {lost, mayRefuse: true})).toBeUndefined();
});

test('a refused connection is excused only while nobody holds the socket', () => {
  expect(judge(problem('refused'), {lost, mayRefuse: false})).toContain('refused');
  expect(judge(problem('refused'), {lost, mayRefuse: true})).toBeUndefined();
});

test('a wrong answer and one that does not come are never excused', () => {
  for (const kind of ['answer', 'timeout'] as const) {
    expect(judge(problem(kind), {lost, mayRefuse: true})).toContain(kind);
  }
});
