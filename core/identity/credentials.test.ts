import {expect, test} from 'vitest';
import {testSealing} from '../../test/lib/identity-parts.ts';
import {ManualClock} from '../../test/lib/manual-clock.ts';
import {openMemoryControl} from '../../test/lib/memory-control.ts';
import {Credentials} from './credentials.ts';

test('a credential is told to who asks for its value, and stands nowhere else', async () => {
  const store = openMemoryControl();
  const credentials = new Credentials({store, clock: new ManualClock(), sealing: testSealing});
  expect(await credentials.put({name: 'nfs', value: 'a sécret', by: 'admin'})).toEqual({isNew: true});
  expect(credentials.value('nfs')).toBe('a sécret');
  const stored = store.read(txn => txn.records<{sealed: Uint8Array}>('credentials'));
  expect(Buffer.from(stored[0]!.value.sealed).includes('cret')).toBe(false);
  expect(credentials.list()).toMatchObject([{name: 'nfs', changed_by: 'admin'}]);
  expect(await credentials.put({name: 'nfs', value: 'another', by: 'admin'})).toEqual({isNew: false});
  expect([credentials.value('nfs'), credentials.value('none')]).toEqual(['another', undefined]);
});

test('one that is used stays', async () => {
  const credentials = new Credentials({store: openMemoryControl(), clock: new ManualClock(), sealing: testSealing});
  await credentials.put({name: 'nfs', value: 'x', by: 'admin'});
  await expect(credentials.remove('nfs', () => ['senders.main'])).rejects.toMatchObject({
    code: 'IN_USE',
    message: expect.stringContaining('senders.main'),
  });
  expect(credentials.value('nfs')).toBe('x');
  const seen = credentials.changed.count;
  await credentials.remove('nfs', () => []);
  expect([credentials.value('nfs'), credentials.changed.count]).toEqual([undefined, seen + 1]);
  await expect(credentials.remove('nfs', () => [])).rejects.toMatchObject({code: 'NOT_FOUND'});
});
