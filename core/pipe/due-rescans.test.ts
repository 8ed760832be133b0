import {expect, test} from 'vitest';
import {move, path} from '../../test/lib/view.ts';
import type {FsEvent} from '../protocol/events.ts';
import {DueRescans} from './due-rescans.ts';
import {thrownAway} from './own-gaps.ts';

const gap = (at: string, reason = thrownAway): FsEvent => ({kind: 'phase', phase: 'gap', path: path(at), reason});

function told(...events: FsEvent[]): DueRescans {
  const due = new DueRescans();
  for (const event of events) due.sent(event);
  for (const event of events) due.stored(event);
  return due;
}

test('a gap of the pipe is read again when the view has it, one of the source is not', () => {
  const due = new DueRescans();
  const lost = gap('/a');
  for (const event of [lost, gap('/b', 'overflow')]) due.sent(event);
  expect(due.size).toBe(0);
  due.stored(lost);
  expect(due.begin('all')).toEqual(['/a']);
});

test('what is below another is read with it', () => {
  expect(told(gap('/a/b'), gap('/c'), gap('/a'), gap('/a/x')).begin('all')).toEqual(['/c', '/a']);
});

test('a rename behind a gap renames what is read, and what it takes out is read too', () => {
  expect(told(gap('/a/b'), move('/a', '/c')).begin('all')).toEqual(['/c/b']);
  expect(told(gap('/a'), move('/a/b', '/c'), move('/a/d', '/a/e')).begin('all')).toEqual(['/a', '/c']);
  expect(told(move('/a', '/c'), gap('/a/b')).begin('all')).toEqual(['/a/b']);
});

test('what is renamed while it is read is read again, and what failed too', () => {
  const due = told(gap('/a'), gap('/z'));
  expect(due.begin('next')).toEqual(['/a']);
  due.sent(move('/a/b', '/c'));
  due.ended(true);
  expect(due.begin('all')).toEqual(['/z', '/c']);
  due.ended(false);
  expect(due.begin('all')).toEqual(['/z', '/c']);
});

test('too many are read together', () => {
  const gaps = Array.from({length: 40}, (_, n) => gap(`/${n}`));
  expect(told(...gaps).begin('all')).toEqual(['/']);
});
