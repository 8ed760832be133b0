import {join} from 'node:path';
import {expect, test} from 'vitest';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {closeDatabases, getNumber, openDatabases, putNumber} from '../databases.ts';
import {currentFormat, type Migration, migrate} from './migrate.ts';

test('a store is brought from its format to the newest, step by step, in one transaction', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'tree.mdb');
  const db = openDatabases(path, {readOnly: false})!;
  migrate(db, {path, newId: 'id'});
  expect(getNumber(db, 'format')).toBe(currentFormat);

  const [first, second, third] = [currentFormat, currentFormat + 1, currentFormat + 2];
  const ran: number[] = [];
  const step = (to: number): Migration => ({
    to,
    run: db => {
      ran.push(to);
      putNumber(db, `step ${to}`, 1);
    },
  });
  const failing = {to: third, run: () => expect.fail('on purpose')};
  expect(() => migrate(db, {path, newId: 'id'}, {to: third, steps: [step(first), step(second), failing]})).toThrow(
    'on purpose',
  );
  expect([getNumber(db, 'format'), getNumber(db, `step ${second}`)]).toEqual([currentFormat, undefined]);

  ran.length = 0;
  migrate(db, {path, newId: 'id'}, {to: third, steps: [step(first), step(second), step(third)]});
  expect(ran).toEqual([second, third]);
  expect(getNumber(db, 'format')).toBe(third);
  expect(() => migrate(db, {path, newId: 'id'})).toThrow(
    `format ${third} found, this program reads up to ${currentFormat}`,
  );
  await closeDatabases(path, db);
});
