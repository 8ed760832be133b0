import {expect, test} from 'vitest';
import {ManualClock} from '../../test/lib/manual-clock.ts';
import {openMemoryControl} from '../../test/lib/memory-control.ts';
import {ApiKeys} from './api-keys.ts';
import {tokenHash} from './tokens.ts';

const scripts = {name: 'scripts', role: 'reader', views: ['research'], by: 'admin'} as const;

test('a key counts from when it is made until it is revoked, across restarts, and only its hash is kept', async () => {
  const [store, clock] = [openMemoryControl(), new ManualClock()];
  const made = await new ApiKeys({store, clock}).create({...scripts, user: 'ann'});
  const keys = new ApiKeys({store, clock});
  const sha256 = tokenHash(made.key);
  expect(keys.find(sha256)?.key).toEqual({name: 'scripts', role: 'reader', views: ['research'], user: 'ann', sha256});
  expect(JSON.stringify([keys.list(), store.read(txn => txn.records('apiKeys'))])).not.toContain(made.key);
  const {revoked} = keys.find(sha256)!;
  await keys.revoke('scripts');
  expect([revoked.aborted, keys.find(sha256), keys.list()]).toEqual([true, undefined, []]);
  await expect(keys.revoke('scripts')).rejects.toMatchObject({code: 'NOT_FOUND'});
});

test('a name is given once', async () => {
  const keys = new ApiKeys({store: openMemoryControl(), clock: new ManualClock()});
  await keys.create(scripts);
  await expect(keys.create(scripts)).rejects.toMatchObject({code: 'ALREADY_EXISTS'});
});

test('a key that expires is over then, and after a restart, too', async () => {
  const [store, clock] = [openMemoryControl(), new ManualClock()];
  const keys = new ApiKeys({store, clock});
  const {key} = await keys.create({...scripts, expiresInMs: 1_000});
  const seen = keys.changed.count;
  clock.wallMs += 999;
  keys.tick();
  expect([keys.find(tokenHash(key)) !== undefined, keys.changed.count]).toEqual([true, seen]);
  clock.wallMs += 1;
  keys.tick();
  expect([keys.find(tokenHash(key)), keys.changed.count]).toEqual([undefined, seen + 1]);
  expect(new ApiKeys({store, clock}).find(tokenHash(key))).toBeUndefined();
  expect(keys.list()).toHaveLength(1);
});
