import {execFileSync} from 'node:child_process';
import {chmodSync, chownSync, mkdirSync, readFileSync, statfsSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from 'vitest';
import {type Bindfs, mountBindfs, whyNoBindfs} from '../../../test/lib/bindfs.ts';
import {DoctorHost} from '../../../test/lib/doctor-host.ts';
import {ScriptProcess} from '../../../test/lib/script-process.ts';
import {type HostFacts, hostFacts} from './host-facts.ts';

let host: DoctorHost;
beforeEach(() => {
  host = new DoctorHost();
});
afterEach(() => host.remove());

const isRoot = process.getuid!() === 0;

describe('a storage', () => {
  const missing = whyNoBindfs();

  test('that is not there is told', async () => {
    const [found] = await host.findings('mount', [
      '--config',
      host.agentConfig(undefined, join(host.folder, 'nowhere')),
    ]);
    expect(found).toMatchObject({
      subject: join(host.folder, 'nowhere'),
      problem: expect.stringContaining('does not exist'),
    });
  });

  test.skipIf(missing)('that hangs is told within seconds', async () => {
    const mount = await mounted();
    mount.hang();
    host.atEnd(() => mount.resume());
    const began = performance.now();
    const [found] = await host.findings('mount', ['--config', host.agentConfig(undefined, mount.mountPoint)]);
    expect(found).toMatchObject({
      problem: 'The storage hangs: it does not answer.',
      remedy: expect.stringMatching(/umount -f -l/),
    });
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test.skipIf(missing)('whose mount is stale is told', async () => {
    const mount = await mounted();
    await mount.kill();
    const [found] = await host.findings('mount', ['--config', host.agentConfig(undefined, mount.mountPoint)]);
    expect(found).toMatchObject({
      problem: expect.stringContaining('stale'),
      remedy: expect.stringMatching(/umount -l/),
    });
  });

  test.skipIf(missing)('that is not mounted any more is told by what the agent remembers', async () => {
    const mount = await mounted();
    mkdirSync(join(host.data, 'storages'));
    const {type} = statfsSync(mount.mountPoint);
    writeFileSync(join(host.data, 'storages/p.json'), JSON.stringify({path: mount.mountPoint, type}));
    expect(await host.findings('mount', ['--data', host.data])).toEqual([]);
    mount.unmount();
    const [found] = await host.findings('mount', ['--data', host.data]);
    expect(found).toMatchObject({subject: mount.mountPoint, remedy: expect.stringMatching(/^Mount the storage\./)});
    expect(readFileSync(join(host.data, 'storages/p.json'), 'utf8')).toContain(String(type));
  });

  async function mounted(): Promise<Bindfs> {
    const {mount} = await mountBindfs(host.folder);
    host.atEnd(() => mount.remove());
    return mount;
  }
});

describe('limits', () => {
  const withText = (path: string, text: string): Partial<HostFacts> => ({
    readText: asked => (asked === path ? text : hostFacts.readText(asked)),
  });

  test('few watches are told, and how many would do', async () => {
    const facts = withText('/proc/sys/fs/inotify/max_user_watches', '8192\n');
    expect(await host.findings('inotify', ['--data', host.data], facts)).toMatchObject([
      {
        problem: expect.stringContaining('Only 8192'),
        remedy: expect.stringMatching(/sysctl -w fs\.inotify\.max_user_watches=1048576/),
      },
    ]);
    await host.shell({
      parts: [{name: 'payload-p', state: 'running', pid: 1, health: {source: {watched: 8000, known: 100_000}}}],
    });
    expect(await host.findings('inotify', ['--data', host.data], facts)).toMatchObject([
      {
        problem: expect.stringContaining('payload-p 8000 of 100000'),
        remedy: expect.stringMatching(/max_user_watches=262144/),
      },
    ]);
  });

  test('instances that are all in use are told', async () => {
    const script = new ScriptProcess(`
      import {watch} from 'node:fs';
      watch('/');
      console.log('watches');
    `);
    host.atEnd(() => script.kill());
    await script.line(1);
    host.sees(script.pid);
    const facts = withText('/proc/sys/fs/inotify/max_user_instances', '1\n');
    expect(await host.findings('inotify', ['--data', host.data], facts)).toMatchObject([
      {subject: 'fs.inotify.max_user_instances'},
    ]);
  });

  test('few open files of the shell are told', async () => {
    const pid = await host.shell({limit: 100});
    const [found] = await host.findings('open files', ['--data', host.data]);
    expect(found).toMatchObject({
      problem: 'It may have only 100 files open; wanted 512.',
      remedy: expect.stringMatching(/LimitNOFILE/),
    });
    expect(pid).toBeGreaterThan(0);
  });
});

describe('the data directory', () => {
  test.skipIf(!isRoot)('on a full disk is told', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', host.data]);
    host.atEnd(() => execFileSync('umount', [host.data]));
    writeFileSync(join(host.data, 'agent.lock'), '');
    expect(await host.findings('disk', ['--data', host.data])).toEqual([]);
    expect(() => writeFileSync(join(host.data, 'ballast'), Buffer.alloc(2 ** 21))).toThrow(/ENOSPC/);
    expect(await host.findings('disk', ['--data', host.data])).toMatchObject([
      {problem: 'The disk is full: 0B are left.'},
    ]);
  });

  test.skipIf(!isRoot)('without inodes is told', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,nr_inodes=8', 'tmpfs', host.data]);
    host.atEnd(() => execFileSync('umount', [host.data]));
    writeFileSync(join(host.data, 'agent.lock'), '');
    expect((await host.findings('disk', ['--data', host.data]))[0]!.problem).toMatch(
      /can make no more files: \d inodes/,
    );
  });

  test('on a network file system is told', async () => {
    const nfs = {...statfsSync(host.data), type: 0x6969};
    expect(await host.findings('data directory', ['--data', host.data], {statfs: () => nfs})).toMatchObject([
      {problem: expect.stringContaining('network file system (NFS)'), remedy: expect.stringMatching(/local disk/)},
    ]);
  });

  test('that is open to others, or has a key that is, is told', async () => {
    chmodSync(host.data, 0o755);
    host.writeIdentity({id: 'node-a', ...host.makeCertificate({name: 'node-a'})});
    chmodSync(join(host.data, 'identity/node.key'), 0o640);
    expect(await host.findings('secrets', ['--data', host.data])).toMatchObject([
      {subject: host.data, remedy: `chmod 700 ${host.data}`},
      {subject: join(host.data, 'identity/node.key'), remedy: expect.stringMatching(/^chmod 600/)},
    ]);
  });

  test.skipIf(!isRoot)('with files of another user is told', async () => {
    writeFileSync(join(host.data, 'run/payload-p.log'), '');
    chownSync(join(host.data, 'run/payload-p.log'), 1, 1);
    expect(await host.findings('secrets', ['--data', host.data])).toMatchObject([
      {remedy: `chown -R --reference=${host.data} ${host.data}`},
    ]);
  });

  test('with a damaged store is told', async () => {
    mkdirSync(join(host.data, 'views/research'), {recursive: true});
    writeFileSync(join(host.data, 'views/research/tree.mdb'), 'damaged '.repeat(4_096));
    expect(await host.findings('store', ['--data', host.data])).toMatchObject([
      {subject: join(host.data, 'views/research/tree.mdb'), problem: expect.stringContaining('damaged')},
    ]);
  });

  test('where nothing has ever run is told', async () => {
    expect(await host.findings('config', ['--data', join(host.folder, 'other')])).toMatchObject([
      {subject: join(host.folder, 'other')},
    ]);
  });
});
