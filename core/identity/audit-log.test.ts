import {expect, test} from 'vitest';
import {openMemoryControl} from '../../test/lib/memory-control.ts';
import {AuditLog} from './audit-log.ts';

const record = (subject: string) => ({
  ...{at: 0, who: 'admin', user: undefined, address: undefined, action: 'key.create', subject},
  ...{outcome: 'done' as const, code: undefined, details: undefined},
});

test('the newest come first, page by page, each once, also while others are added', async () => {
  const log = new AuditLog({store: openMemoryControl()});
  for (const name of 'abcde') await log.add(record(name));
  const first = log.page({limit: 2});
  await log.add(record('f'));
  const second = log.page({limit: 2, cursor: first.nextCursor});
  const third = log.page({limit: 2, cursor: second.nextCursor});
  expect([first, second, third].map(({records}) => records.map(({subject}) => subject))).toEqual([
    ['e', 'd'],
    ['c', 'b'],
    ['a'],
  ]);
  expect(third.nextCursor).toBeUndefined();
});

test('only the newest are kept, and numbers are never given twice', async () => {
  const log = new AuditLog({store: openMemoryControl(), keep: 3});
  for (const name of 'abcde') await log.add(record(name));
  expect(log.page({limit: 10}).records.map(({number, subject}) => [number, subject])).toEqual([
    [5, 'e'],
    [4, 'd'],
    [3, 'c'],
  ]);
});
