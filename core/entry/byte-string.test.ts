import fc from 'fast-check';
import {expect, test} from 'vitest';
import {type ByteString, compareBytes, fromBytes, fromText, isByteString, toBytes, toText} from './byte-string.ts';

test('any bytes survive the way through a byte string', () => {
  fc.assert(
    fc.property(fc.uint8Array({maxLength: 300}), bytes => {
      expect(new Uint8Array(toBytes(fromBytes(bytes)))).toEqual(bytes);
    }),
  );
});

test('byte strings compare as memcmp does', () => {
  const anyBytes = fc.uint8Array({maxLength: 5}).map(bytes => Buffer.from(bytes));
  fc.assert(
    fc.property(anyBytes, anyBytes, (a, b) => {
      expect(compareBytes(fromBytes(a), fromBytes(b))).toBe(Buffer.compare(a, b));
    }),
  );
});

test('text goes in as UTF-8 and comes out again', () => {
  fc.assert(
    fc.property(fc.string({unit: 'grapheme'}), text => {
      expect(toText(fromText(text))).toEqual({text, isExact: true});
      expect(toBytes(fromText(text))).toEqual(Buffer.from(text, 'utf8'));
    }),
  );
  expect(fromText('ä')).toBe('\xc3\xa4');
});

test('what is no UTF-8 is shown with replacement characters, and said not to be exact', () => {
  expect(toText(fromBytes(Buffer.from([0x61, 0xff])))).toEqual({text: 'a\ufffd', isExact: false});
  expect(toText('\xc3' as ByteString)).toEqual({text: '\ufffd', isExact: false});
});

test('a byte order mark is kept: two names that differ by it stay two', () => {
  expect(toText(fromText('\ufeffa'))).toEqual({text: '\ufeffa', isExact: true});
});

test('only strings of bytes are byte strings', () => {
  expect(isByteString('a\xff\n\0')).toBe(true);
  expect(isByteString('\u0100')).toBe(false);
  expect(isByteString(5)).toBe(false);
});
