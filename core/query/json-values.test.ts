import {expect, test} from 'vitest';
import {fromBytes, toBytes} from '../entry/byte-string.ts';
import {ByteBuffer} from './byte-buffer.ts';
import {putDigits, putTime, timeText, writeName} from './json-values.ts';

test.each([
  [0, 0, '0'],
  [1, 500_000_000, '1.5'],
  [1_700_000_000, 1, '1700000000.000000001'],
  [1_700_000_000, 123_456_780, '1700000000.12345678'],
  [-1, 0, '-1'],
  [-2, 250_000_000, '-1.75'],
  [-1, 999_999_999, '-0.000000001'],
])('%i s and %i ns are %s', (seconds, nanos, text) => {
  expect(timeText(seconds, nanos)).toBe(text);
  const bytes = Buffer.alloc(40);
  expect(bytes.toString('latin1', 3, putTime(bytes, 3, seconds, nanos))).toBe(text);
});

test('whole numbers are written in decimal digits, up to the largest exact one', () => {
  const numbers = [0, 1, 9, 10, 99, 100, 999_999_999, 1e9, 1e9 + 1, 1_700_000_000, 1e18 / 1000, 2 ** 53 - 1];
  for (let exponent = 0; exponent < 16; exponent++) numbers.push(10 ** exponent - 1, 10 ** exponent);
  for (const number of numbers) {
    const bytes = Buffer.alloc(40);
    expect(bytes.toString('latin1', 3, putDigits(bytes, 3, number))).toBe(String(number));
  }
});

test.each([
  ['plain', {name: 'plain'}],
  ['"\\\n\x01', {name: '"\\\n\x01'}],
  ['\xc3\xbc', {name: 'ü'}],
  ['a\xff', {name: 'a\ufffd', name_b64: 'Yf8'}],
])('the name %j is written so that its bytes can be had back', (latin1, wanted) => {
  const out = new ByteBuffer(1);
  const bytes = toBytes(fromBytes(Buffer.from(latin1, 'latin1')));
  out.ascii('{');
  writeName(out, 'name', bytes, 0, bytes.length);
  out.ascii('}');
  expect(JSON.parse(Buffer.from(out.take()).toString())).toEqual(wanted);
});
