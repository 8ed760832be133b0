import {appendFileSync, closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {openSharedSite, type SharedSite} from '../lib/shared-site.ts';
import {throughout} from '../lib/throughout.ts';
import {until} from '../lib/until.ts';

const thresholdMs = 2_000;

describe.skipIf(mountsMissing !== undefined)('files that may not be finished', {concurrent: true}, () => {
  test('a growing file stays suspect until it is closed, and is clean at once then', async context => {
    const site = await openSharedSite(context, {view: {hot_file_threshold: `${thresholdMs}ms`}});
    const {path} = await site.mount();
    await site.addAgent('agent-a', {path, pipe: {audit_interval: '1s'}});
    await site.live();
    const file = openSync(join(path, 'f'), 'w');
    const growth = setInterval(() => writeSync(file, 'more'), 200);
    context.onTestFinished(() => clearInterval(growth));
    await until(() => isSuspect(site, '/f'), {what: 'a suspect', timeoutMs: 2_000});
    await throughout(passed(3 * thresholdMs), async () => expect(await isSuspect(site, '/f')).toBe(true));
    expect((await site.status()).meta.suspect).toBe(1);
    clearInterval(growth);
    closeSync(file);
    await until(async () => (await isSuspect(site, '/f')) === false, {what: 'a clean file', timeoutMs: 1_000});
    await site.same(1_000);
  });

  test('a file that was closed is clean at once, however new it is', async context => {
    const site = await openSharedSite(context, {view: {hot_file_threshold: '10m'}});
    const {path} = await site.mount();
    await site.addAgent('agent-a', {path, pipe: {audit_interval: '1s'}});
    await site.live();
    for (let i = 0; i < 20; i++) writeFileSync(join(path, `f${i}`), 'x');
    await until(() => site.has('/f19'), {what: 'the last file', timeoutMs: 2_000});
    await until(async () => (await site.status()).meta.suspect === 0, {what: 'no suspect', timeoutMs: 1_000});
    await throughout(site.audits(2), async () => expect((await site.status()).meta.suspect).toBe(0));
  });

  test('a file that only a scan found is suspect until it has not changed for the whole threshold', async context => {
    const site = await openSharedSite(context, {view: {hot_file_threshold: `${thresholdMs}ms`, cache_window: '0s'}});
    const {path} = await site.mount();
    await site.addAgent('agent-a', {path, pipe: {audit_interval: '1s', sentinel_interval: '1s'}});
    await site.live();
    const file = join(site.directory, 'f');
    writeFileSync(file, 'x');
    const growth = setInterval(() => appendFileSync(file, 'more'), 200);
    context.onTestFinished(() => clearInterval(growth));
    await until(() => isSuspect(site, '/f'), {what: 'a suspect'});
    await throughout(passed(3 * thresholdMs), async () => expect(await isSuspect(site, '/f')).toBe(true));
    clearInterval(growth);
    const endedAt = performance.now();
    await until(async () => (await isSuspect(site, '/f')) === false, {what: 'a clean file'});
    expect(performance.now() - endedAt).toBeGreaterThan(thresholdMs / 2);
    await site.same();
  });

  test('a name .nfs… never shows, and when one is deleted its directory is listed again', async context => {
    const site = await openSharedSite(context);
    const at = (path: string) => join(site.directory, path);
    mkdirSync(at('d'));
    writeFileSync(at('d/.nfs0000000000a1b2c3'), 'open since before the snapshot');
    for (const name of ['open', 'kept']) writeFileSync(at(`d/${name}`), 'x');
    const {path} = await site.mount();
    await site.addAgent('agent-a', {path});
    await site.live();
    const names = async () => {
      const {text} = await site.get('/api/v1/fs/tree?path=/d');
      return (JSON.parse(text).data.children as {name: string}[]).map(({name}) => name).join();
    };
    expect(await names()).toBe('kept,open');

    // As `rm` of an open file on NFS: the server sees a rename, the client's own watcher sees nothing.
    renameSync(at('d/open'), at('d/.nfs0000000000a1b2c4'));
    // A file in another directory behind it: by then everything has been told.
    writeFileSync(join(path, 'later'), 'x');
    await until(() => site.has('/later'), {what: '/later'});
    expect(await names(), 'nobody has seen it').toBe('kept,open');
    const gone = async () => {
      rmSync(join(path, 'd/.nfs0000000000a1b2c4'));
      await until(async () => (await names()) === 'kept', {what: 'no /d/open', timeoutMs: 2_000});
      writeFileSync(join(path, 'd/.nfs0000000000a1b2c5'), 'x');
      rmSync(join(path, 'd/.nfs0000000000a1b2c3'));
      writeFileSync(join(path, 'd/later'), 'x');
      await until(() => site.has('/d/later'), {what: '/d/later'});
    };
    await throughout(gone(), async () => expect(await names()).not.toContain('.nfs'));
    expect((await site.status()).data.audit_completed_at).toBeNull();
    expect(await names()).toBe('kept,later');
  });
});

async function isSuspect(site: SharedSite, path: string): Promise<boolean | undefined> {
  return (await site.stat(path)).data?.integrity_suspect;
}

/** For something that must stay as it is while time passes. */
function passed(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
