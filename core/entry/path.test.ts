import {expect, test} from 'vitest';
import {type ByteString, fromText} from './byte-string.ts';
import {isBelow, isName, isPath, joinPath, normalizePath, type Path, pathNames, rootPath, splitPath} from './path.ts';

const path = (text: string) => fromText(text) as Path;

test('a path in normal form begins with a slash and has no empty, dot or dot-dot part', () => {
  for (const good of ['/', '/a', '/a/b c', '/.hidden', '/...', '/\xff']) expect(isPath(good as ByteString)).toBe(true);
  for (const bad of ['', 'a', '/a/', '//a', '/a//b', '/.', '/a/..', '/a\0']) expect(isPath(path(bad))).toBe(false);
});

test('a name is one to 255 bytes, without slash and NUL', () => {
  expect(isName('x'.repeat(255) as ByteString)).toBe(true);
  for (const bad of ['', '.', '..', 'a/b', 'a\0', 'x'.repeat(256)]) expect(isName(bad as ByteString)).toBe(false);
});

test('what a person writes is brought into normal form, and what cannot be is refused', () => {
  expect(normalizePath(path('a//b/'))).toBe('/a/b');
  expect(normalizePath(path('./a/./b'))).toBe('/a/b');
  expect(normalizePath(path(''))).toBe('/');
  expect(normalizePath(path('///'))).toBe('/');
  expect(normalizePath(path('/a/../b'))).toBeUndefined();
  expect(normalizePath(path('/a\0b'))).toBeUndefined();
  expect(normalizePath(path(`/${'x'.repeat(256)}`))).toBeUndefined();
});

test('joining, splitting and taking apart fit together', () => {
  expect(joinPath(rootPath, fromText('a'))).toBe('/a');
  expect(joinPath(path('/a'), fromText('b'))).toBe('/a/b');
  expect(splitPath(path('/a/b'))).toEqual({parent: '/a', name: 'b'});
  expect(splitPath(path('/a'))).toEqual({parent: '/', name: 'a'});
  expect(pathNames(path('/a/b'))).toEqual(['a', 'b']);
  expect(pathNames(rootPath)).toEqual([]);
});

test('below means inside, at any depth, and not beside with the same beginning', () => {
  expect(isBelow(path('/a/b/c'), path('/a'))).toBe(true);
  expect(isBelow(path('/a'), rootPath)).toBe(true);
  expect(isBelow(path('/ab'), path('/a'))).toBe(false);
  expect(isBelow(path('/a'), path('/a'))).toBe(false);
  expect(isBelow(rootPath, rootPath)).toBe(false);
});
