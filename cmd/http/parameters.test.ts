import {expect, test} from 'vitest';
import {z} from 'zod';
import {integerParameter, parseParameters, readParameters, requestedPath} from './parameters.ts';

const path = (query: string) => requestedPath(Object.fromEntries(readParameters(query, ['path', 'path_b64'])));

test('a path is bytes: percent-encoded, also what is not UTF-8; a plus is a space', () => {
  expect(path('path=/a%20b+c%2Bd')).toBe('/a b c+d');
  expect(path('path=%2Fa%ff%80')).toBe('/a\xff\x80');
  expect(path('path=/ü')).toBe('/\xc3\xbc');
  expect(path('path_b64=L2H_')).toBe('/a\xff');
  expect(path('')).toBe('/');
  expect(path('path=a//b/./c/')).toBe('/a/b/c');
});

test.each([
  ['path=/a&path_b64=L2E', 'Both'],
  ['path=/a/../b', '/a/../b'],
  ['path=/a%0', 'percent-encoded'],
  ['path=/a&path=/b', 'twice'],
  ['pathh=/a', 'pathh'],
])('%s is refused, and the message says why', (query, message) => {
  expect(() => path(query)).toThrow(message);
});

test('a value out of range is refused with the name of the parameter and what is wanted', () => {
  const schema = z.object({limit: integerParameter({min: 1, max: 10})});
  expect(() => parseParameters(new Map([['limit', '11' as never]]), schema)).toThrow(/"limit" is "11".*from 1 to 10/);
  expect(parseParameters(new Map([['limit', '7' as never]]), schema)).toEqual({limit: 7});
});
