import {expect, test} from 'vitest';
import {rotationAt} from './rotation.ts';

test('a certificate is replaced when a third of its life is left', () => {
  expect(rotationAt({notBefore: 1_000, notAfter: 31_000})).toBe(21_000);
  expect(rotationAt({notBefore: 0, notAfter: 0})).toBe(0);
});
