import {chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {openMemoryControl} from '../../../test/lib/memory-control.ts';
import {temporaryFolder} from '../../../test/lib/temporary-folder.ts';
import {openSealing} from './key-file.ts';

const secret = Buffer.from('a secret');

test('the key file is made once, for its owner only, and opens what was sealed before', async () => {
  using folder = temporaryFolder();
  const store = openMemoryControl();
  const sealed = (await openSealing(folder.path, store)).seal(secret);
  expect(readdirSync(folder.path)).toEqual(['master.key']);
  expect(statSync(join(folder.path, 'master.key')).mode & 0o777).toBe(0o600);
  const again = await openSealing(folder.path, store);
  expect(Buffer.from(again.open(sealed))).toEqual(secret);
});

test('a making that was cut off is begun anew', async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, 'master.key.new'), 'fust');
  await openSealing(folder.path, openMemoryControl());
  expect(readdirSync(folder.path)).toEqual(['master.key']);
});

test.each([
  ['is missing', 'sealed with it', (file: string) => rmSync(file)],
  [
    'of another store',
    'cannot be opened',
    (file: string) => writeFileSync(file, `fustor-master-key-1:${'A'.repeat(43)}`),
  ],
  ['readable by others', 'has the mode 640', (file: string) => chmodSync(file, 0o640)],
  ['something else', 'not a key file', (file: string) => writeFileSync(file, 'x')],
  ['empty', 'not a key file', (file: string) => writeFileSync(file, '')],
])(
  'a key file that is %s is refused, nothing is changed, and the right one is taken again',
  async (_, message, spoil) => {
    using folder = temporaryFolder();
    const store = openMemoryControl();
    const file = join(folder.path, 'master.key');
    const sealed = (await openSealing(folder.path, store)).seal(secret);
    const key = readFileSync(file);
    spoil(file);
    const before = readdirSync(folder.path);
    await expect(openSealing(folder.path, store)).rejects.toMatchObject({
      code: 'SECRETS_UNREADABLE',
      message: expect.stringContaining(message),
    });
    expect(readdirSync(folder.path)).toEqual(before);
    rmSync(file, {force: true});
    writeFileSync(file, key, {mode: 0o600});
    expect(Buffer.from((await openSealing(folder.path, store)).open(sealed))).toEqual(secret);
  },
);

test('what was sealed twice looks different, and no bit of it may be another', async () => {
  using folder = temporaryFolder();
  const sealing = await openSealing(folder.path, openMemoryControl());
  const sealed = Buffer.from(sealing.seal(secret));
  expect(Buffer.from(sealing.seal(secret))).not.toEqual(sealed);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => sealing.open(changed)).toThrow(expect.objectContaining({code: 'SECRETS_UNREADABLE'}));
  }
  for (const length of [0, 1, 12, 13, 28, sealed.length - 1])
    expect(() => sealing.open(sealed.subarray(0, length))).toThrow('cannot be opened');
});
