import {expect, test} from 'vitest';
import {fromText} from '../core/entry/byte-string.ts';
import {decodeDirectory, encodeDirectory, type StoredDirectory} from './directory-codec.ts';
import {newTotals} from './totals.ts';

test('a record is read as it was written; one from before there were versions has version 0', () => {
  const record: StoredDirectory = {
    ...{number: 7, parent: 1, name: fromText('data'), listedAt: 5, unreadable: 'EIO', blocks: 3, bounds: undefined},
    ...{partial: {evidence: 4, until: fromText('m')}, ownVersion: 12},
    totals: {...newTotals(), files: 9, bytes: 2 ** 40, version: 13},
  };
  const bytes = encodeDirectory(record);
  expect(decodeDirectory(7, bytes)).toEqual(record);
  const earlier = {...record, ownVersion: 0, totals: {...record.totals, version: 0}};
  expect(decodeDirectory(7, bytes.subarray(0, -16))).toEqual(earlier);
});
