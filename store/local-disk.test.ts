import {chmodSync, mkdirSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {temporaryFolder} from '../test/lib/temporary-folder.ts';
import {prepareLocalDirectory} from './local-disk.ts';

test('a data directory that is missing is made, for this user alone', () => {
  using folder = temporaryFolder();
  const directory = join(folder.path, 'a/b');
  prepareLocalDirectory(directory);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  prepareLocalDirectory(directory);
});

test('network file systems are refused by name, local ones are not', () => {
  using folder = temporaryFolder();
  const kinds = {26985: 'NFS', 4283649346: 'CIFS', 4266872130: 'SMB2', 20859: 'SMB', 12805120: 'Ceph'};
  for (const [type, name] of Object.entries(kinds)) {
    const refused = () => prepareLocalDirectory(folder.path, () => ({type: Number(type)}));
    expect(refused).toThrow(
      expect.objectContaining({code: 'DATA_DIR_UNUSABLE', message: expect.stringContaining(name)}),
    );
  }
  // A 32-bit number may come out negative.
  expect(() => prepareLocalDirectory(folder.path, () => ({type: 0xff534d42 | 0}))).toThrow('CIFS');
  for (const type of [0xef53, 0x58465342, 0x01021994, 0x9123683e, 0x65735546]) {
    expect(() => prepareLocalDirectory(folder.path, () => ({type}))).not.toThrow();
  }
});

test('a data directory that cannot be made or written is refused', () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'file'), '');
  const refusal = expect.objectContaining({code: 'DATA_DIR_UNUSABLE'});
  expect(() => prepareLocalDirectory(join(folder.path, 'file/below'))).toThrow(refusal);
  if (process.getuid?.() === 0) return; // who may write anywhere
  const readOnly = join(folder.path, 'read-only');
  mkdirSync(readOnly);
  chmodSync(readOnly, 0o500);
  expect(() => prepareLocalDirectory(readOnly)).toThrow(refusal);
});

test('a directory that cannot be made below one that exists ends with a message', () => {
  expect(() => prepareLocalDirectory('/proc/nothing/here')).toThrow('/proc/nothing/here: ENOENT');
});
