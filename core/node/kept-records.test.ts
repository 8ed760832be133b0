import {expect, test} from 'vitest';
import {decodeKept, encodeKept, type Kept} from './kept-records.ts';

const isText = (value: unknown): value is string => typeof value === 'string';
const setup = (hash: string) => ({hash, config: `config ${hash}`});
const kept: Kept<string> = {
  manifest: 'signature',
  appliedManifest: 'signature before',
  records: [
    {
      name: 'p',
      desired: setup('b'),
      lastGood: setup('a'),
      failed: {hash: 'b', reason: 'It died.', at: 7},
      trial: {deaths: 1, healthySince: 2, unfitSince: undefined},
    },
  ],
};

test('what was applied is read as it was written; how a trial went is forgotten', () => {
  const read = decodeKept(encodeKept(kept), isText);
  expect(read).toEqual({...kept, records: [{...kept.records[0], trial: undefined}]});
});

test('whichever bit is flipped, nothing of it is believed', () => {
  const good = Buffer.from(encodeKept(kept));
  for (let bit = 0; bit < good.byteLength * 8; bit++) {
    const damaged = Buffer.from(good);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => decodeKept(damaged.toString(), isText)).toThrow('What was applied last cannot be read');
  }
  expect(() => decodeKept('', isText)).toThrow('checksum');
  expect(() => decodeKept(good.subarray(0, -1).toString(), isText)).toThrow('checksum');
});

test('a configuration that this version cannot use is none', () => {
  const read = decodeKept(encodeKept(kept), (value): value is string => value === 'config a');
  expect(read.records).toMatchObject([{desired: undefined, lastGood: setup('a')}]);
});
