import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {RememberedStorage} from './remembered-storage.ts';

const nfs = {type: 0x6969, origin: 'server:/export'};
const disk = {type: 0xef53, origin: '/dev/vda1'};

test('another file system under the path that was observed before is refused, and said with both', () => {
  using folder = temporaryFolder();
  const file = join(folder.path, 'storages/p.json');
  new RememberedStorage(file).check('/mnt', nfs);
  new RememberedStorage(file).check('/mnt', nfs);
  const other = () => new RememberedStorage(file).check('/mnt', disk);
  expect(other).toThrow(
    'Cannot observe /mnt: it was server:/export of type 0x6969, and now it is /dev/vda1 of type 0xef53.',
  );
  expect(other).toThrow(expect.objectContaining({hint: expect.stringContaining(file)}));
  expect(() => new RememberedStorage(file).check('/mnt', {...nfs, origin: 'other:/export'})).toThrow();
});

test('another path, an origin that is not known, and a file that is broken are no reason to refuse', () => {
  using folder = temporaryFolder();
  const file = join(folder.path, 'p.json');
  const remembered = new RememberedStorage(file);
  remembered.check('/mnt', nfs);
  remembered.check('/mnt', {...nfs, origin: undefined});
  remembered.check('/other', disk);
  remembered.check('/mnt', nfs);
  writeFileSync(file, '{');
  remembered.check('/mnt', disk);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({path: '/mnt', ...disk});
});
