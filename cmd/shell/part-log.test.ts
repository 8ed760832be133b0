import {statSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {PartLog} from './part-log.ts';

function collector() {
  const text: string[] = [];
  return {text, write: (bytes: Uint8Array) => text.push(Buffer.from(bytes).toString())};
}

test('lines are passed on whole, once, and what is left of one when nothing comes any more', () => {
  using folder = temporaryFolder();
  const to = collector();
  const log = new PartLog(folder.path, 'part', {isNew: true});
  writeSync(log.descriptor, 'one\ntw');
  log.passOn(to);
  writeSync(log.descriptor, 'o\nthree');
  log.passOn(to);
  log.passOn(to);
  log.passOn(to, {isLast: true});
  expect(to.text).toEqual(['one\n', 'two\n', 'three']);
  log.close();
});

test('another shell goes on where the one before it was, and a new process begins a new log', () => {
  using folder = temporaryFolder();
  const first = new PartLog(folder.path, 'part', {isNew: true});
  writeSync(first.descriptor, 'one\n');
  first.passOn(collector());
  writeSync(first.descriptor, 'two\n');
  const to = collector();
  const second = new PartLog(folder.path, 'part', {isNew: false});
  second.passOn(to);
  expect(to.text).toEqual(['two\n']);
  expect(second.tail()).toBe('one\ntwo\n');
  expect(new PartLog(folder.path, 'part', {isNew: true}).tail()).toBe('');
});

test('a part that says a lot takes no more than some room, and its last words stay', () => {
  using folder = temporaryFolder();
  const log = new PartLog(folder.path, 'part', {isNew: true});
  const to = collector();
  const line = `${'x'.repeat(999)}\n`;
  for (let i = 0; i < 3_000; i++) {
    writeSync(log.descriptor, line);
    if (i % 100 === 0) log.passOn(to);
  }
  writeSync(log.descriptor, 'the end\n');
  log.passOn(to);
  expect(statSync(join(folder.path, 'part.log')).size).toBeLessThan(1_200_000);
  expect(to.text.join('').length).toBe(3_000_008);
  expect(log.tail()).toMatch(/x\nthe end\n$/);
  expect(Buffer.byteLength(log.tail())).toBeLessThanOrEqual(8_192);
  log.close();
});
