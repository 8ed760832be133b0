import {appendFileSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {mountsMissing} from '../lib/client-mount.ts';
import {makeTree} from '../lib/make-tree.ts';
import {openSharedSite} from '../lib/shared-site.ts';
import {throughout} from '../lib/throughout.ts';
import {twoAgents} from '../lib/two-agents.ts';
import {until} from '../lib/until.ts';

describe.skipIf(mountsMissing !== undefined)('several agents on one storage', {concurrent: true}, () => {
  test('when the leader is killed the follower leads, tells and audits; the old leader comes back as follower and is heard', async context => {
    const site = await openSharedSite(context);
    makeTree(site.directory, 500);
    const a = await site.mount();
    const b = await site.mount();
    await site.addAgent('agent-a', {path: a.path, pipe: {audit_interval: '1s'}});
    await site.live();
    await site.addAgent('agent-b', {path: b.path, pipe: {audit_interval: '1s'}});
    const {data, meta} = await site.status();
    expect({leader: meta.leader, roles: data.agents.map(({id, role}) => [id, role])}).toEqual({
      leader: 'agent-a',
      roles: [
        ['agent-a', 'leader'],
        ['agent-b', 'follower'],
      ],
    });
    await site.same();

    await site.kill('agent-a');
    writeFileSync(join(b.path, 'while nobody leads'), 'x');
    writeFileSync(join(site.directory, 'while nobody looks'), 'x');
    rmSync(join(site.directory, 'directory-0'), {recursive: true});
    await until(() => site.has('/while nobody leads'), {what: 'what the follower told', timeoutMs: 2_000});
    await until(async () => (await site.status()).meta.leader === 'agent-b', {what: 'a new leader'});
    await site.same();
    writeFileSync(join(b.path, 'told by the new leader'), 'x');
    await until(() => site.has('/told by the new leader'), {what: 'what the leader told', timeoutMs: 2_000});
    writeFileSync(join(site.directory, 'another one that nobody looks at'), 'x');
    await site.audits();
    await site.same();
    expect((await site.status()).data.snapshot_completed_at).toBe(data.snapshot_completed_at);

    site.run('agent-a');
    expect(await site.joined('agent-a')).toMatchObject({role: 'follower'});
    await until(async () => (await site.agent('agent-a'))?.watched === (await site.agent('agent-b'))?.watched, {
      what: 'all watches',
    });
    writeFileSync(join(a.path, 'told by the old leader'), 'x');
    await until(() => site.has('/told by the old leader'), {what: 'what the follower told', timeoutMs: 2_000});
    await site.audits();
    await site.same();
    expect((await site.status()).meta.leader).toBe('agent-b');
  });

  const partitions = [
    {role: 'leader', isReset: true, isSessionLost: true},
    {role: 'follower', isReset: false, isSessionLost: true},
    {role: 'leader', isReset: true, isSessionLost: false},
    {role: 'follower', isReset: true, isSessionLost: false},
  ] as const;
  for (const {role, isReset, isSessionLost} of partitions) {
    const how = `its session ${isSessionLost ? 'times out' : 'goes on'}, its connections ${isReset ? 'break' : 'go on'}`;
    test(`a ${role} that was cut off brings old events back, revives nothing and deletes nothing: ${how}`, async context => {
      const site = await openSharedSite(context, {
        view: {cache_window: '2s', session_timeout: isSessionLost ? '3s' : '30s'},
      });
      const at = (path: string) => join(site.directory, path);
      mkdirSync(at('d'));
      for (const name of ['made-again', 'deleted', 'changed']) writeFileSync(at(`d/${name}`), 'x');
      const {a, b, way} = await twoAgents(context, site, {first: role === 'leader' ? 'agent-a' : 'agent-b'});

      way.hold();
      writeFileSync(join(a.path, 'd/made'), 'x');
      writeFileSync(join(a.path, 'd/made-and-deleted'), 'x');
      appendFileSync(join(a.path, 'd/changed'), 'yy');
      rmSync(join(a.path, 'd/made-again'));
      await site.noticed('agent-a', 5);
      if (isSessionLost) await until(() => site.log('fusion').includes('timed out'), {what: 'the end of its session'});
      rmSync(join(b.path, 'd/made-and-deleted'));
      rmSync(join(b.path, 'd/deleted'));
      writeFileSync(join(b.path, 'd/made-again'), 'xx');
      appendFileSync(join(b.path, 'd/changed'), 'zz');
      const names = ['made-and-deleted', 'deleted', 'made-again', 'changed'];
      const told = async () => {
        const stats = await Promise.all(names.map(name => site.stat(`/d/${name}`)));
        return stats.map(({data}, i) => `${names[i]}: ${data?.size ?? 'none'}`);
      };
      const wanted = ['none', 'none', 2, 5].map((size, i) => `${names[i]}: ${size}`);
      await until(async () => (await told()).join() === wanted.join(), {what: 'what B tells'});

      const heard = async () => {
        await site.joined('agent-a');
        writeFileSync(join(a.path, 'd/again'), 'x');
        await until(() => site.has('/d/again'), {what: 'what A tells again', timeoutMs: 15_000});
        await site.audits(3);
      };
      if (isReset) way.reset();
      way.release();
      await throughout(heard(), async () => expect(await told()).toEqual(wanted));
      await site.same();
      expect((await site.status()).meta.leader).toBe(role === 'leader' && !isSessionLost ? 'agent-a' : 'agent-b');
    });
  }

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    test(`when the last agent leaves by ${signal} the whole tree is answered, and that it is stale`, async context => {
      const site = await openSharedSite(context);
      makeTree(site.directory, 500);
      const a = await site.mount();
      await site.addAgent('agent-a', {path: a.path});
      await site.live();
      const expectWhole = async () => {
        expect((await site.get('/api/v1/fs/tree')).status).toBe(200);
        expect(await site.compare()).toMatchObject({count: 0});
      };
      const left = async () => {
        await (signal === 'SIGTERM' ? site.stop('agent-a') : site.kill('agent-a'));
        await until(async () => (await site.status()).data.agents.length === 0, {what: 'no session'});
      };
      await throughout(left(), expectWhole);
      await expectWhole();
      expect((await site.status()).meta).toMatchObject({sync: 'stale', leader: null, agents: [], complete: true});
    });
  }
});
