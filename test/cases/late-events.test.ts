import {mkdirSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {openSharedSite} from '../lib/shared-site.ts';
import {throughout} from '../lib/throughout.ts';
import {twoAgents} from '../lib/two-agents.ts';
import {until} from '../lib/until.ts';

const view = {cache_window: '2s', session_timeout: '30s'};

describe.skipIf(mountsMissing !== undefined)('events that come late', {concurrent: true}, () => {
  test('a rename that comes late does not bring back the new name, which another agent saw go', async context => {
    const site = await openSharedSite(context, {view});
    writeFileSync(join(site.directory, 'old'), 'x');
    const {a, b, way} = await twoAgents(context, site, {first: 'agent-b'});
    way.hold();
    renameSync(join(a.path, 'old'), join(a.path, 'new'));
    await site.noticed('agent-a', 2);
    renameSync(join(b.path, 'new'), join(b.path, 'newest'));
    await until(() => site.has('/newest'), {what: 'what B tells'});
    way.reset();
    way.release();
    const heard = async () => {
      writeFileSync(join(a.path, 'again'), 'x');
      await until(() => site.has('/again'), {what: 'what A tells again', timeoutMs: 15_000});
    };
    await throughout(heard(), async () => {
      expect(await site.has('/new')).toBe(false);
      expect(await site.has('/newest')).toBe(true);
    });
    await site.same();
  });

  test('the time that a batch spends on its way counts as age: a network that stalls makes nothing newer', async context => {
    const site = await openSharedSite(context, {view});
    mkdirSync(join(site.directory, 'd'));
    writeFileSync(join(site.directory, 'd/made-again'), 'x');
    const {a, b, way} = await twoAgents(context, site, {first: 'agent-b', requestTimeout: '30s'});
    way.hold();
    writeFileSync(join(a.path, 'd/made-and-deleted'), 'x');
    rmSync(join(a.path, 'd/made-again'));
    await site.noticed('agent-a', 3);
    rmSync(join(b.path, 'd/made-and-deleted'));
    writeFileSync(join(b.path, 'd/made-again'), 'xx');
    await until(async () => (await site.stat('/d/made-again')).data?.size === 2, {what: 'what B tells'});
    way.release();
    const heard = async () => {
      writeFileSync(join(a.path, 'again'), 'x');
      await until(() => site.has('/again'), {what: 'what A tells again', timeoutMs: 15_000});
    };
    await throughout(heard(), async () => {
      expect(await site.has('/d/made-again')).toBe(true);
      expect(await site.has('/d/made-and-deleted')).toBe(false);
    });
    await site.same();
  });
});
