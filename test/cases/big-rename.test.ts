import {renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {makeTree} from '../lib/make-tree.ts';
import {openSharedSite} from '../lib/shared-site.ts';
import {until} from '../lib/until.ts';

test('a directory that is renamed with 100,000 entries below is there at once under its new name, and a handful of entries change', async context => {
  const site = await openSharedSite(context, {view: {hot_file_threshold: '0s'}});
  expect(makeTree(join(site.directory, 'old'), 100_000)).toBeGreaterThan(100_000);
  // On the storage itself: what is asked here is not about mounts, and a file system in user space is slow.
  const path = site.directory;
  await site.addAgent('agent-a', {path});
  await site.live(120_000);
  const {files} = (await site.status()).data;
  const {seq} = (await site.status()).meta;

  const renamedAt = performance.now();
  renameSync(join(path, 'old'), join(path, 'new'));
  await until(() => site.has('/new/directory-11/directory-0/file-82-of-some-data.dat'), {
    what: 'the new name',
    everyMs: 5,
  });
  expect(performance.now() - renamedAt).toBeLessThan(2_000);
  expect(await site.has('/old')).toBe(false);
  writeFileSync(join(path, 'new/directory-11/made behind it'), 'x');
  await until(() => site.has('/new/directory-11/made behind it'), {
    what: 'what is below and still watched',
    timeoutMs: 3_000,
  });
  expect((await site.status()).meta.seq - seq).toBeLessThan(15);
  expect((await site.status()).data.files).toBe(Number(files) + 1);
  await site.same();
});
