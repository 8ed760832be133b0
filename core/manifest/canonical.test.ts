import fc from 'fast-check';
import {expect, test} from 'vitest';
import {canonicalBytes} from './canonical.ts';

const text = (value: unknown) => Buffer.from(canonicalBytes(value)).toString();
const value = fc.jsonValue({maxDepth: 4});

test('what is written is what was meant', () => {
  fc.assert(
    fc.property(value, one => {
      expect(JSON.parse(text(one))).toEqual(JSON.parse(JSON.stringify(one)));
    }),
  );
});

test('equal values are the same bytes, whatever order their names came in', () => {
  fc.assert(
    fc.property(value, one => {
      expect(text(turned(one))).toBe(text(one));
    }),
  );
});

test('written again it is the same, and there is no space between', () => {
  fc.assert(
    fc.property(value, one => {
      const written = text(one);
      expect(text(JSON.parse(written))).toBe(written);
      expect(written.length).toBeLessThanOrEqual(JSON.stringify(one).length);
    }),
  );
});

test('it is as RFC 8785 has it', () => {
  // Its examples, of section 3.2.3 (order) and 3.2.2 (numbers, texts).
  const names = {'\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7};
  expect(text(names)).toBe('{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\u{1f600}":5,"\ufb33":3}');
  expect(text([Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001, -0])).toBe(
    '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]',
  );
  expect(text('\u20ac$\u000f\u000aA\'\u0042\u0022\u005c\\"/')).toBe('"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"');
});

test('what JSON cannot say is refused, and what is undefined is left out', () => {
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => {}, Symbol('a'), '\ud800', {a: ['\udc00']}]) {
    expect(() => canonicalBytes(wrong)).toThrow(TypeError);
  }
  expect(text({b: undefined, a: 1})).toBe('{"a":1}');
});

/** The same with the names of all objects in another order. */
function turned(one: unknown): unknown {
  if (Array.isArray(one)) return one.map(turned);
  if (typeof one !== 'object' || one === null) return one;
  return Object.fromEntries(
    Object.entries(one)
      .reverse()
      .map(([name, inner]) => [name, turned(inner)]),
  );
}
