import {mkdirSync, renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {openSharedSite} from '../lib/shared-site.ts';
import {twoAgents} from '../lib/two-agents.ts';
import {until} from '../lib/until.ts';

describe.skipIf(mountsMissing !== undefined)('a directory that another client renamed', {concurrent: true}, () => {
  for (const [role, first] of [
    ['leader', 'agent-a'],
    ['follower', 'agent-b'],
  ] as const) {
    test(`a ${role} goes on telling at once what happens below it`, async context => {
      const site = await openSharedSite(context);
      mkdirSync(join(site.directory, 'old/below'), {recursive: true});
      const {a, b} = await twoAgents(context, site, {first});
      renameSync(join(b.path, 'old'), join(b.path, 'new'));
      await until(() => site.has('/new/below'), {what: 'the new name'});
      await site.audits(2);
      writeFileSync(join(a.path, 'new/below/f'), 'x');
      // Told by the agent that saw it, not found by an audit.
      await until(async () => (await site.stat('/new/below/f')).data?.agent === 'agent-a', {
        what: 'its word',
        timeoutMs: 10_000,
      });
      writeFileSync(join(a.path, 'new/below/g'), 'x');
      await until(async () => (await site.stat('/new/below/g')).data?.blind_spot === false, {
        what: 'a file told',
        timeoutMs: 2_000,
      });
      await site.same();
    });
  }
});
