import {execFileSync} from 'node:child_process';
import {appendFileSync, linkSync, mkdirSync, rmSync, statSync, unlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {openSharedSite, type SharedSite} from '../lib/shared-site.ts';
import {TcpProxy} from '../lib/tcp-proxy.ts';
import {throughout} from '../lib/throughout.ts';
import {until} from '../lib/until.ts';

const audit = {audit_interval: '1s'};

describe.skipIf(mountsMissing !== undefined)('looks at a storage that are out of date', {concurrent: true}, () => {
  /**
   * bindfs always reads the names of a directory afresh. So a client whose names are older looks at a folder of its own
   * with hard links to the storage's files, which follows the storage when the test says so.
   */
  test('audits through a mount with stale names neither delete what another agent just made nor revive what it just deleted', async context => {
    const site = await openSharedSite(context, {view: {cache_window: '6s'}});
    const stale = join(site.folder, 'stale');
    for (const directory of [site.directory, stale]) mkdirSync(join(directory, 'd'), {recursive: true});
    writeFileSync(join(site.directory, 'd/deleted'), 'x');
    linkSync(join(site.directory, 'd/deleted'), join(stale, 'd/deleted'));
    const a = await site.mount({storage: stale});
    const b = await site.mount();
    await site.addAgent('agent-a', {path: a.path, pipe: audit});
    await site.live();
    await site.addAgent('agent-b', {path: b.path});
    await until(async () => (await watched(site, 'agent-b')) === 2, {what: 'watches of agent-b'});

    writeFileSync(join(b.path, 'd/made'), 'x');
    rmSync(join(b.path, 'd/deleted'));
    const told = () => statuses(site, ['/d/made', '/d/deleted']);
    await until(async () => (await told()) === '200 404', {what: 'what agent-b told', timeoutMs: 2_000});
    await throughout(site.audits(2), async () => expect(await told(), 'while names are stale').toBe('200 404'));
    linkSync(join(site.directory, 'd/made'), join(stale, 'd/made'));
    unlinkSync(join(stale, 'd/deleted'));
    for (const path of ['', 'd']) execFileSync('touch', ['-r', join(site.directory, path), join(stale, path)]);
    await throughout(site.audits(5), async () => expect(await told(), 'and later').toBe('200 404'));
    await site.same();
  });

  test('audits through a mount with stale attributes do not take back a change that another agent told', async context => {
    const site = await openSharedSite(context, {view: {cache_window: '6s'}});
    writeFileSync(join(site.directory, 'f'), 'x');
    const a = await site.mount({cacheS: 4});
    const b = await site.mount();
    await site.addAgent('agent-a', {path: a.path, pipe: audit});
    await site.live();
    await site.addAgent('agent-b', {path: b.path});
    await until(async () => (await watched(site, 'agent-b')) === 1, {what: 'watches of agent-b'});

    expect(statSync(join(a.path, 'f')).size).toBe(1);
    appendFileSync(join(b.path, 'f'), 'yz');
    const size = async () => (await site.stat('/f')).data?.size;
    await until(async () => (await size()) === 3, {what: 'the new size', timeoutMs: 2_000});
    expect(statSync(join(a.path, 'f')).size, 'through the cache').toBe(1);
    await throughout(site.audits(6), async () => expect(await size()).toBe(3));
    await site.same();
  });

  test('a listing that was read before another agent saw a deletion and a creation, and arrives behind them, changes neither', async context => {
    const site = await openSharedSite(context, {view: {cache_window: '0s', session_timeout: '30s'}});
    mkdirSync(join(site.directory, 'd/gone'), {recursive: true});
    for (const name of ['d/deleted', 'd/kept', 'd/gone/f']) writeFileSync(join(site.directory, name), 'x');
    const way = await TcpProxy.to(site.port);
    context.onTestFinished(() => way.dispose());
    const a = await site.mount();
    const b = await site.mount();
    await site.addAgent('agent-a', {path: a.path, url: way.url, pipe: audit});
    await site.live();
    await site.addAgent('agent-b', {path: b.path});
    await until(async () => (await watched(site, 'agent-b')) === 3, {what: 'watches of agent-b'});
    await site.audits();

    way.hold();
    const ended = scansEnded(site);
    await until(() => scansEnded(site) >= ended + 2, {what: 'an audit that is read, and not sent'});
    rmSync(join(b.path, 'd/deleted'));
    rmSync(join(b.path, 'd/gone'), {recursive: true});
    writeFileSync(join(b.path, 'd/made'), 'x');
    await site.same(2_000);
    const told = () => statuses(site, ['/d/deleted', '/d/gone', '/d/gone/f', '/d/made', '/d/kept']);
    way.release();
    await throughout(site.audits(2), async () => expect(await told()).toBe('404 404 404 200 200'));
    await site.same();
    expect((await site.status()).meta.leader).toBe('agent-a');
  });
});

async function watched(site: SharedSite, name: `agent-${string}`): Promise<number> {
  return (await site.agent(name))?.watched ?? 0;
}

function scansEnded(site: SharedSite): number {
  return site.log('agent-a').match(/"scan ends"/g)?.length ?? 0;
}

async function statuses(site: SharedSite, paths: string[]): Promise<string> {
  const stats = await Promise.all(paths.map(path => site.stat(path)));
  return stats.map(({status}) => status).join(' ');
}
