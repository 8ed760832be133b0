import {mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from 'vitest';
import {targets} from '../target.ts';
import {loadFromFile, loadFromMemory} from './load-addon.ts';

const bytes = readFileSync(targets.x64.prebuiltLmdb);
const isLmdb = expect.objectContaining({Env: expect.any(Function), Compression: expect.any(Function)});
const ownName = `fustor-${process.getuid!()}`;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fustor-addon-'));
});
afterEach(() => rmSync(directory, {recursive: true}));

function memoryFiles(): string[] {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  return [...new Set(maps.match(/\/memfd:fustor-\S+/g))];
}

test('an addon loads from memory, and a second time from the same memory', () => {
  expect(loadFromMemory('lmdb.node', bytes)).toEqual(isLmdb);
  const descriptors = readdirSync('/proc/self/fd').length;
  expect(loadFromMemory('lmdb.node', bytes)).toEqual(isLmdb);
  expect(memoryFiles()).toHaveLength(1);
  expect(readdirSync('/proc/self/fd')).toHaveLength(descriptors);
});

test('an addon loads from a file that is written once and is only ours', () => {
  expect(loadFromFile('lmdb.node', bytes, directory)).toEqual(isLmdb);
  const [name] = readdirSync(join(directory, ownName));
  const path = join(directory, ownName, name!);
  const {ino, mode} = statSync(path);
  expect(mode & 0o077).toBe(0);

  expect(loadFromFile('lmdb.node', bytes, directory)).toEqual(isLmdb);
  expect(readdirSync(join(directory, ownName))).toEqual([name]);
  expect(statSync(path).ino).toBe(ino);
});

test('a damaged file is replaced before it is loaded', () => {
  loadFromFile('lmdb.node', bytes, directory);
  const [name] = readdirSync(join(directory, ownName));
  const path = join(directory, ownName, name!);
  rmSync(path);
  writeFileSync(path, 'not an addon');
  expect(loadFromFile('lmdb.node', bytes, directory)).toEqual(isLmdb);
  expect(readFileSync(path).equals(bytes)).toBe(true);
});

test('a directory that somebody else could have prepared is refused', () => {
  symlinkSync('/tmp', join(directory, ownName));
  expect(() => loadFromFile('lmdb.node', bytes, directory)).toThrow(/only this user/);
});
