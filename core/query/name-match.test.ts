import {expect, test} from 'vitest';

test('nothing but ASCII and what the fold leaves alone has ASCII in its lower case', () => {
  for (let code = 0x80; code <= 0x10ffff; code++) {
    const lower = String.fromCodePoint(code).toLowerCase();
    if (/[\0-\x7f]/.test(lower)) expect([0x130, 0x212a]).toContain(code);
  }
});
