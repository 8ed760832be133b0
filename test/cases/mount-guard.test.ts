import {appendFileSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {type ClientMount, mountsMissing} from '../lib/client-mount.ts';
import {makeTree} from '../lib/make-tree.ts';
import {openSharedSite, type SharedSite} from '../lib/shared-site.ts';
import {throughout} from '../lib/throughout.ts';
import {until} from '../lib/until.ts';

type Fault = {
  happen(mount: ClientMount, site: SharedSite): unknown;
  heal(mount: ClientMount): unknown;
  reason: RegExp;
};

const faults: Record<string, Fault> = {
  'is unmounted, so that an empty mount point is there': {
    happen: mount => mount.unmount(),
    heal: mount => mount.mount(),
    reason: /another file system/,
  },
  'is covered by an empty file system': {
    happen: mount => mount.cover(),
    heal: mount => mount.unmount(),
    reason: /another file system/,
  },
  'is covered by a mount of another storage': {
    happen: async (mount, site) => {
      const other = join(site.folder, 'other-storage');
      mkdirSync(other);
      writeFileSync(join(other, 'of another storage'), 'x');
      await mount.cover({storage: other});
    },
    heal: mount => mount.unmount(),
    reason: /another file system/,
  },
  'breaks: every call says ENOTCONN': {
    happen: mount => mount.kill(),
    heal: async mount => {
      mount.unmount();
      await mount.mount();
    },
    reason: /ENOTCONN/,
  },
  'hangs: no call returns': {
    happen: mount => mount.stop(),
    heal: mount => mount.continue(),
    reason: /has not answered/,
  },
};

describe.skipIf(mountsMissing !== undefined)('a mount that fails under its agent', {concurrent: true}, () => {
  for (const [what, {happen, heal, reason}] of Object.entries(faults)) {
    test(`when the leader's mount ${what}, nothing is deleted, it is told, all else works, and it heals by itself`, async context => {
      const site = await openSharedSite(context, {
        view: {cache_window: '1s', session_timeout: '10s'},
        views: ['other'],
      });
      const at = (path: string) => join(site.directory, path);
      makeTree(at('tree'), 300);
      for (const name of ['deleted', 'changed']) writeFileSync(at(name), 'x');
      const otherFolder = join(site.folder, 'other');
      mkdirSync(otherFolder);
      const a = await site.mount();
      const b = await site.mount();
      await site.addAgent('agent-a', {path: a.path, others: {other: otherFolder}, pipe: {audit_interval: '1s'}});
      await site.live();
      await site.addAgent('agent-b', {path: b.path, pipe: {audit_interval: '1s'}});
      await site.same();
      const entries = await count(site);
      const unavailable = async () => (await site.agent('agent-a'))?.unavailable;

      await happen(a, site);
      const told = until(unavailable, {what: 'that the mount is not available'});
      await throughout(told, async () => expect(await count(site)).toBe(entries));
      expect(await unavailable()).toMatch(reason);
      writeFileSync(join(b.path, 'of b'), 'x');
      await until(() => site.has('/of b'), {what: 'what the other agent tells', timeoutMs: 2_000});
      writeFileSync(join(otherFolder, 'of the other pipe'), 'x');
      await until(() => site.has('/of the other pipe', 'other'), {what: "the agent's other pipe", timeoutMs: 2_000});
      expect((await site.status()).meta).toMatchObject({sync: 'stale', leader: 'agent-a'});

      // Nobody sees this.
      mkdirSync(at('tree/made'));
      writeFileSync(at('tree/made/f'), 'x');
      appendFileSync(at('changed'), 'yz');
      rmSync(at('deleted'));
      await heal(a);
      const healed = until(async () => (await unavailable()) === null, {what: 'that the mount is available again'});
      await throughout(healed, async () => expect(await count(site)).toBeGreaterThanOrEqual(entries));
      await site.same();
      writeFileSync(join(a.path, 'tree/made/of a'), 'x');
      await until(() => site.has('/tree/made/of a'), {what: 'what is told after it healed', timeoutMs: 2_000});
      await until(async () => (await site.status()).meta.sync === 'live', {what: 'a live view'});
      await site.same();
    });
  }
});

async function count(site: SharedSite): Promise<number> {
  const {files, directories, others} = (await site.status()).data;
  return Number(files) + Number(directories) + Number(others);
}
