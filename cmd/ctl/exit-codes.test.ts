import {expect, test} from 'vitest';
import {type ErrorCode, errorCodes} from '../../core/errors/codes.ts';
import {exitCodeOf} from './exit-codes.ts';

test.each(Object.keys(errorCodes) as ErrorCode[])('%s ends with a code of the table', code => {
  expect(exitCodeOf(code, errorCodes[code].status)).toBeOneOf([1, 2, 3, 4, 5, 6]);
});

test.each([
  ['CONFIG_INVALID', 2],
  ['UNREACHABLE', 3],
  ['FORBIDDEN', 4],
  ['REVISION_CONFLICT', 5],
  ['NOT_THE_AUTHORITY', 5],
  ['TIMED_OUT', 6],
  ['WAIT_TIMED_OUT', 6],
  ['MANIFEST_REFUSED', 1],
  ['STORE_FAILED', 3],
  ['STORE_FULL', 1],
  ['INTERNAL', 1],
])('%s ends with %i', (code, exit) => {
  expect(exitCodeOf(code)).toBe(exit);
});

test.each([
  [400, 2],
  [401, 4],
  [404, 1],
  [409, 5],
  [500, 1],
  [503, 3],
  [504, 6],
])('a code of a newer server counts by its status: %i ends with %i', (status, exit) => {
  expect(exitCodeOf('SOMETHING_NEW', status)).toBe(exit);
});
