import {execFileSync} from 'node:child_process';
import {appendFileSync, mkdirSync, rmSync, statSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {openSharedSite} from '../lib/shared-site.ts';
import {until} from '../lib/until.ts';

const longAgo = new Date('2001-02-03T04:05:06Z');

describe.skipIf(mountsMissing !== undefined)('a storage that is also changed elsewhere', {concurrent: true}, () => {
  test('what a host without an agent creates, changes and deletes is found by the audit, and told as blind spots', async context => {
    const site = await openSharedSite(context);
    const at = (path: string) => join(site.directory, path);
    for (const name of ['kept', 'grown', 'in-place', 'gone', 'gone-too/below/file']) {
      mkdirSync(at(join(name, '..')), {recursive: true});
      writeFileSync(at(name), 'content');
      utimesSync(at(name), longAgo, longAgo);
    }
    const {path} = await site.mount();
    await site.addAgent('agent-a', {path, pipe: {audit_interval: '4s'}});
    await site.live();
    await site.same();
    expect((await site.stat('/')).meta.blind_spot).toBe(0);

    mkdirSync(at('made'));
    writeFileSync(at('made/file'), 'new');
    appendFileSync(at('grown'), ' and more');
    writeFileSync(at('in-place'), 'CONTENT');
    utimesSync(at('in-place'), longAgo, longAgo);
    rmSync(at('gone'));
    rmSync(at('gone-too'), {recursive: true});
    expect((await site.status()).data.audit_completed_at).toBeNull();

    await until(async () => (await site.stat('/')).meta.blind_spot === 4, {what: 'four blind spots'});
    expect(await site.same(1_000)).toBe(6);
    for (const name of ['/made', '/made/file', '/grown', '/in-place']) {
      expect(await site.stat(name), name).toMatchObject({
        data: {blind_spot: true},
        meta: {blind_spot: name === '/made' ? 2 : 1},
      });
    }
    expect((await site.stat('/kept')).data?.blind_spot).toBe(false);
    const {data} = JSON.parse((await site.get('/api/v1/views/site/fs/blind-spots')).text);
    const told = (data as {path: string; change: string}[]).map(({path, change}) => `${path} ${change}`);
    // Of a watched directory that is gone the kernel may tell the watch, as soon as anybody looks.
    expect(told.filter(line => !line.startsWith('/gone-too')).sort()).toEqual([
      '/gone deleted',
      '/grown modified',
      '/in-place modified',
      '/made created',
      '/made/file created',
    ]);
    const {status, meta} = await site.stat('/gone-too/below');
    expect({status, complete: meta.complete}).toEqual({status: 404, complete: true});

    writeFileSync(join(path, 'made/file'), 'by the host of the agent');
    await until(async () => (await site.stat('/made/file')).data?.blind_spot === false, {what: 'no blind spot'});
    await site.same();
    await site.audits();
    expect((await site.stat('/')).meta.blind_spot).toBe(0);
  });

  test('a file that is written in place, with the same size and time, is found by the audit that skips nothing', async context => {
    const site = await openSharedSite(context);
    const file = join(site.directory, 'd/f');
    mkdirSync(join(site.directory, 'd'));
    writeFileSync(file, 'content');
    utimesSync(file, longAgo, longAgo);
    const {path} = await site.mount();
    await site.addAgent('agent-a', {path, pipe: {audit_interval: '1s', full_audit_every: 3}});
    await site.live();
    await site.audits();
    writeFileSync(file, 'CONTENT', {flag: 'r+'});
    utimesSync(file, longAgo, longAgo);
    await until(async () => (await site.stat('/d/f')).data?.blind_spot, {what: 'a blind spot'});
    await until(async () => (await site.stat('/')).meta.blind_spot === 0, {what: 'a later look that confirms it'});
    await site.same();
  });

  const copies: Record<string, (from: string, to: string) => unknown> = {
    'cp -p': (from, to) => execFileSync('cp', ['-p', join(from, 'f'), to]),
    'rsync -t': (from, to) => execFileSync('rsync', ['-t', join(from, 'f'), to]),
    'tar x': (from, to) => {
      execFileSync('tar', ['cf', join(from, 'f.tar'), '-C', from, 'f']);
      execFileSync('tar', ['xf', join(from, 'f.tar'), '-C', to]);
    },
  };
  test(`a file of long ago that ${Object.keys(copies).join(', ')} bring to a name just deleted is there at once`, async context => {
    const site = await openSharedSite(context, {view: {cache_window: '5m'}});
    const {path} = await site.mount();
    const {path: backup} = await site.mount({storage: site.folder});
    writeFileSync(join(backup, 'f'), 'from the backup');
    utimesSync(join(backup, 'f'), longAgo, longAgo);
    for (const i of Object.keys(copies).keys()) {
      mkdirSync(join(site.directory, `${i}`));
      writeFileSync(join(site.directory, `${i}/f`), 'the new version');
    }
    await site.addAgent('agent-a', {path});
    await site.live();
    for (const [i, copy] of Object.values(copies).entries()) {
      rmSync(join(path, `${i}/f`));
      await until(async () => !(await site.has(`/${i}/f`)), {what: 'no file'});
      copy(backup, join(path, `${i}`));
      await until(() => site.has(`/${i}/f`), {what: 'the file', timeoutMs: 1_000});
    }
    await site.same(1_000);
    expect(statSync(join(site.directory, '0/f')).mtime).toEqual(longAgo);
  });

  test('a file of long ago that a host without an agent brings to a name just deleted is found by the next audit', async context => {
    const site = await openSharedSite(context, {view: {cache_window: '5m'}});
    const backup = join(site.folder, 'f');
    writeFileSync(backup, 'from the backup');
    utimesSync(backup, longAgo, longAgo);
    writeFileSync(join(site.directory, 'f'), 'the new version');
    writeFileSync(join(site.directory, 'other'), '');
    const {path} = await site.mount();
    await site.addAgent('agent-a', {path, pipe: {audit_interval: '1s'}});
    await site.live();
    writeFileSync(join(path, 'other'), 'so that the clock of the storage is known');
    rmSync(join(path, 'f'));
    await until(async () => !(await site.has('/f')), {what: 'no file'});
    // The clock of the storage is only known to a few seconds.
    const deletedAt = performance.now();
    await until(() => performance.now() - deletedAt > 4_000);
    execFileSync('cp', ['-p', backup, site.directory]);
    await site.same();
    expect((await site.stat('/f')).data).toMatchObject({size: 15, agent: 'agent-a'});
  });
});
