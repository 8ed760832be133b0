import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {makeTree} from '../lib/make-tree.ts';
import {openSharedSite} from '../lib/shared-site.ts';
import {throughout} from '../lib/throughout.ts';
import {until} from '../lib/until.ts';

describe.skipIf(mountsMissing !== undefined)('an agent that is started again', {concurrent: true}, () => {
  test('while its storage is not mounted deletes nothing, tells it, and goes on when it is mounted', async context => {
    const site = await openSharedSite(context, {view: {cache_window: '0s'}});
    makeTree(site.directory, 200);
    const a = await site.mount();
    await site.addAgent('agent-a', {path: a.path, pipe: {audit_interval: '1s'}});
    await site.live();
    await site.same();

    await site.kill('agent-a');
    await until(async () => !(await site.agent('agent-a')), {what: 'no session'});
    a.unmount();
    site.run('agent-a');
    const told = until(
      async () => (await site.agent('agent-a'))?.unavailable || site.log('agent-a').includes('Cannot observe'),
      {
        what: 'that the storage is not mounted',
        timeoutMs: 10_000,
      },
    );
    await throughout(told, async () => expect(await site.compare()).toMatchObject({count: 0}));
    expect(await site.compare()).toMatchObject({count: 0});
    await a.mount();
    writeFileSync(join(site.directory, 'made meanwhile'), 'x');
    await site.same();
  });
});
