import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {openSharedSite} from '../lib/shared-site.ts';
import {twoAgents} from '../lib/two-agents.ts';
import {until} from '../lib/until.ts';

describe.skipIf(mountsMissing !== undefined)('an agent whose session timed out', {concurrent: true}, () => {
  test('tells its new session what it watches', async context => {
    const site = await openSharedSite(context);
    const {way} = await twoAgents(context, site, {first: 'agent-b'});
    way.hold();
    await until(() => site.log('fusion').includes('timed out'), {what: 'the end of its session'});
    way.release();
    await site.joined('agent-a');
    await until(async () => (await site.agent('agent-a'))?.watched === 1, {what: 'its watches', timeoutMs: 10_000});
  });

  test('tells its new session that its mount is gone, so that the view is not called live', async context => {
    const site = await openSharedSite(context);
    writeFileSync(join(site.directory, 'f'), 'x');
    const {a, way} = await twoAgents(context, site, {first: 'agent-a'});
    await site.stop('agent-b');
    a.unmount();
    await until(async () => (await site.agent('agent-a'))?.unavailable, {what: 'that the mount is not available'});
    way.hold();
    await until(() => site.log('fusion').includes('timed out'), {what: 'the end of its session'});
    way.release();
    await site.joined('agent-a');
    await until(async () => (await site.agent('agent-a'))?.unavailable, {what: 'the same again', timeoutMs: 10_000});
    expect((await site.status()).meta.sync).toBe('stale');
    expect(await site.has('/f')).toBe(true);
  });
});
