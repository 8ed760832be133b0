import {expect, test} from 'vitest';
import {compareVersions, dynamicSymbols, requiredVersions} from './elf.ts';
import {targets} from './target.ts';

test('versions compare by their numbers', () => {
  expect(['2.28', '2.3.4', '2.4', '2.28.1'].sort(compareVersions)).toEqual(['2.3.4', '2.4', '2.28', '2.28.1']);
});

test('the newest version that an ELF file asks for is found', async () => {
  const required = await requiredVersions(targets.x64.prebuiltLmdb);
  expect(required.get('GLIBC')).toBe('2.34');
  expect(required.get('GLIBCXX')).toBe('3.4.29');
});

test('a symbol is told apart by where it is defined and in which version', async () => {
  const symbols = await dynamicSymbols(targets.x64.prebuiltLmdb);
  const named = (name: string) => symbols.find(symbol => symbol.name === name);
  expect(named('stat64')).toMatchObject({isDefined: false, version: 'GLIBC_2.33'});
  expect(named('napi_wrap')).toMatchObject({isDefined: false, version: undefined});
  expect(named('napi_register_module_v1')).toMatchObject({isDefined: true});
});
