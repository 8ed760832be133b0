import {rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {openSharedSite} from '../lib/shared-site.ts';
import {ShiftedClock, shiftedClocksMissing} from '../lib/shifted-clock.ts';
import {until} from '../lib/until.ts';

const isSkipped = mountsMissing !== undefined || shiftedClocksMissing !== undefined;

describe.skipIf(isSkipped)("a fusion's clock", {concurrent: true}, () => {
  for (const [what, before, after] of [
    ['steps back by a day', '+0', '-1d'],
    ['steps forward by a day', '+0', '+1d'],
    ['is years behind, as after a flat battery', '-30y', '-30y'],
  ] as const) {
    test(`when it ${what}, doubts pass in time all the same: suspects, deletions elsewhere, dead leaders`, async context => {
      const clock = new ShiftedClock(context, before);
      const site = await openSharedSite(context, {env: clock.env});
      const [a, b] = [await site.mount(), await site.mount()];
      await site.addAgent('agent-a', {path: a.path, pipe: {audit_interval: '1s'}});
      await site.live();
      await site.addAgent('agent-b', {path: b.path, pipe: {audit_interval: '1s'}});
      writeFileSync(join(a.path, 'told'), 'x');
      await until(() => site.has('/told'), {what: '/told'});

      clock.set(after);
      const steppedAt = performance.now();
      await until(() => performance.now() - steppedAt > 1_500, {what: 'that the fusion noticed'});
      writeFileSync(join(site.directory, 'found by the audit'), 'x');
      rmSync(join(site.directory, 'told'));
      await site.same();
      await until(async () => (await site.status()).meta.suspect === 0, {what: 'no suspect', timeoutMs: 10_000});
      const leader = await until(async () => (await site.status()).meta.leader, {what: 'a leader', timeoutMs: 10_000});
      const [killed, successor] =
        leader === 'agent-a' ? (['agent-a', 'agent-b'] as const) : (['agent-b', 'agent-a'] as const);
      await site.kill(killed);
      await until(async () => (await site.status()).meta.leader === successor, {
        what: 'another leader',
        timeoutMs: 15_000,
      });
      writeFileSync(join(site.directory, 'found by the other'), 'x');
      await site.same();
      expect((await site.status()).meta).toMatchObject({sync: 'live', complete: true});
    });
  }
});
