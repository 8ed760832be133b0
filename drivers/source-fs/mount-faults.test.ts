import {execFileSync, spawn} from 'node:child_process';
import {mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {monitorEventLoopDelay} from 'node:perf_hooks';
import {afterEach, expect, test, vi} from 'vitest';
import {fromText} from '../../core/entry/byte-string.ts';
import type {Path} from '../../core/entry/path.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {FsEvent} from '../../core/protocol/events.ts';
import {Observed} from '../../core/source/source.contract.ts';
import {type Bindfs, isMounted, mountBindfs, whyNoBindfs} from '../../test/lib/bindfs.ts';
import {makeTree} from '../../test/lib/make-tree.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import type {Fault} from './faulty-thread.ts';
import type {OpenThread} from './inotify.ts';
import {faultyThreads, openTestSource, openThread} from './open-test-source.ts';
import {RememberedStorage} from './remembered-storage.ts';

vi.setConfig({testTimeout: 60_000, hookTimeout: 60_000});

const reason = whyNoBindfs();
if (reason) console.error(`SKIPPED: mounts that go away or hang, because ${reason}`);
const testOnMount = test.skipIf(reason !== undefined);

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const limits = {guardMs: 200, stalledMs: 3_000};

type ObservedMount = {directory: string; mount: Bindfs; observed: Observed; remembered: RememberedStorage};

/** A storage of some hundred entries seen through a FUSE mount of its own, watched, scanned and remembered. */
async function observeMount(open: OpenThread = openThread): Promise<ObservedMount> {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  const remembered = new RememberedStorage(join(folder.path, 'remembered.json'));
  const {directory, mount} = await mountBindfs(folder.path);
  cleanups.push(() => mount.remove());
  makeTree(directory, 500);
  mkdirSync(join(directory, 'd'));
  const observed = new Observed(
    mount.mountPoint,
    openTestSource(mount.mountPoint, {}, {limits, remembered, openThread: open}),
  );
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  await observed.scan();
  await observed.expectSame();
  return {directory, mount, observed, remembered};
}

async function untilAvailable(observed: Observed, isAvailable: boolean): Promise<void> {
  const what = isAvailable ? 'a storage that is available' : 'a storage that is not available';
  await until(() => observed.source.status().isAvailable === isAvailable, {what});
}

/** A rescan follows by itself. */
async function untilSame(observed: Observed): Promise<void> {
  const isSame = () =>
    observed.expectSame().then(
      () => true,
      () => false,
    );
  await until(isSame, {everyMs: 200, what: 'the same tree'});
}

function phases(observed: Observed): string[] {
  return observed.told.flatMap(event => (event.kind === 'phase' && event.phase !== 'coverage' ? [event.phase] : []));
}

/** What would change the view. */
function changes(observed: Observed): FsEvent[] {
  return [...observed.told, ...observed.scanned].filter(({kind}) => kind !== 'phase');
}

function forget(observed: Observed): void {
  observed.told.length = 0;
  observed.scanned.length = 0;
}

testOnMount(
  'a server that is killed makes the storage unavailable and deletes nothing; mounted again, all is found',
  async () => {
    const {directory, mount, observed} = await observeMount();
    const before = observed.lines();
    forget(observed);
    await mount.kill();
    expect(await observed.scan()).toMatchObject({
      isComplete: false,
      directories: 0,
      reason: expect.stringContaining('ENOTCONN'),
    });
    expect((await observed.source.look([fromText('/d') as Path])).size).toBe(0);
    await observed.source.settle();
    expect(observed.source.status()).toMatchObject({isAvailable: false, reason: expect.stringContaining('ENOTCONN')});
    expect(changes(observed)).toEqual([]);
    expect(observed.lines()).toEqual(before);

    mount.unmount();
    writeFileSync(join(directory, 'd/meanwhile'), 'x');
    rmSync(join(directory, 'directory-0'), {recursive: true, force: true});
    await mount.mount();
    await untilAvailable(observed, true);
    expect(phases(observed)).toEqual(expect.arrayContaining(['unavailable', 'available', 'gap']));
    await untilSame(observed);
    writeFileSync(join(mount.mountPoint, 'd/live'), 'x');
    await observed.expectSame();
  },
);

testOnMount(
  'a server that is killed during a scan ends it as incomplete; no directory is told as unreadable',
  async () => {
    const {directory, mount, observed} = await observeMount();
    for (let i = 0; i < 2_000; i++) mkdirSync(join(directory, `many/d${i}`), {recursive: true});
    const before = observed.lines();
    forget(observed);
    const killed = Promise.withResolvers<void>();
    let isKilled = false;
    const onProgress = () => {
      if (!isKilled) mount.kill().then(killed.resolve, killed.reject);
      isKilled = true;
    };
    const result = await observed.scan({source: 'audit', onProgress});
    await killed.promise;
    expect(result).toMatchObject({isComplete: false, unreadable: 0, reason: expect.any(String)});
    await untilAvailable(observed, false);
    const kinds = new Set(changes(observed).map(({kind}) => kind));
    expect([...kinds]).toEqual(['listing']);
    const missing = before.filter(line => !observed.lines().some(now => now.split('|')[0] === line.split('|')[0]));
    expect(missing).toEqual([]);
  },
);

testOnMount('a storage that does not answer is told as unavailable in time, holds up nothing, and heals', async () => {
  const {directory, mount, observed} = await observeMount();
  forget(observed);
  const delay = monitorEventLoopDelay();
  mount.hang();
  delay.enable();
  try {
    const scanned = observed.scan({source: 'audit'});
    const looked = observed.source.look([fromText('/d') as Path]);
    await untilAvailable(observed, false);
    expect(observed.source.status().reason).toMatch(/has not answered for 3 s/);
    expect(await scanned).toMatchObject({isComplete: false, unreadable: 0, reason: expect.any(String)});
    expect((await looked).size).toBe(0);
    await observed.source.settle();
    expect(await observed.scan()).toMatchObject({isComplete: false, directories: 0});
    delay.disable();
    expect(delay.max / 1e6).toBeLessThan(limits.stalledMs / 2);
    expect(changes(observed)).toEqual([]);
    writeFileSync(join(directory, 'd/meanwhile'), 'x');
  } finally {
    mount.resume();
  }
  await untilAvailable(observed, true);
  writeFileSync(join(mount.mountPoint, 'd/live'), 'x');
  expect(await observed.scan({source: 'audit'})).toMatchObject({isComplete: true});
  await observed.expectSame();
});

testOnMount(
  'the agent does not keep a storage from being unmounted; the empty mount point is not taken for it',
  async () => {
    const {directory, mount, observed} = await observeMount();
    const before = observed.lines();
    forget(observed);
    mount.unmount();
    expect(isMounted(mount.mountPoint)).toBe(false);
    expect(await observed.scan()).toMatchObject({isComplete: false, directories: 0});
    await untilAvailable(observed, false);
    writeFileSync(join(mount.mountPoint, 'in the mount point'), 'x');
    expect(await observed.scan()).toMatchObject({isComplete: false, directories: 0});
    expect(changes(observed)).toEqual([]);
    expect(observed.lines()).toEqual(before);
    rmSync(join(mount.mountPoint, 'in the mount point'));

    renameSync(join(directory, 'd'), join(directory, 'e'));
    await mount.mount();
    await untilAvailable(observed, true);
    await untilSame(observed);
    writeFileSync(join(mount.mountPoint, 'e/live'), 'x');
    await observed.expectSame();
  },
);

testOnMount('a storage that was unmounted and mounted again before anybody looked is read again', async () => {
  const {directory, mount, observed} = await observeMount();
  mount.unmount();
  writeFileSync(join(directory, 'd/meanwhile'), 'x');
  await mount.mount();
  await untilSame(observed);
  await untilAvailable(observed, true);
  writeFileSync(join(mount.mountPoint, 'd/live'), 'x');
  await untilSame(observed); // it may be reading the directory again
});

testOnMount('a root that cannot be opened again is not available until it can', async () => {
  let isOutOfFiles = false;
  const {directory, mount, observed} = await observeMount((name, options) => {
    if (isOutOfFiles) throw new FustorError('SOURCE_UNUSABLE', 'Cannot watch: there is no file to be had.');
    return openThread(name, options);
  });
  isOutOfFiles = true;
  mount.unmount();
  await mount.mount();
  await until(() => observed.source.status().reason?.includes('no file to be had'), {what: 'why it is not available'});
  forget(observed);
  for (let checks = 0; checks < 3; checks++) expect(await observed.scan()).toMatchObject({isComplete: false});
  expect(phases(observed)).not.toContain('available');
  writeFileSync(join(directory, 'd/meanwhile'), 'x');
  isOutOfFiles = false;
  await untilAvailable(observed, true);
  await untilSame(observed);
  writeFileSync(join(mount.mountPoint, 'd/live'), 'x');
  await untilSame(observed);
});

testOnMount('another file system that is mounted over the storage is not taken for it', async () => {
  const {directory, mount, observed} = await observeMount();
  const before = observed.lines();
  forget(observed);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', mount.mountPoint]);
  let isOver = true;
  const uncover = () => {
    if (isOver) execFileSync('umount', [mount.mountPoint]);
    isOver = false;
  };
  cleanups.push(uncover);
  writeFileSync(join(mount.mountPoint, 'other'), 'x');
  expect(await observed.scan()).toMatchObject({isComplete: false, directories: 0});
  await untilAvailable(observed, false);
  expect(observed.source.status().reason).toMatch(/another file system/);
  expect(changes(observed)).toEqual([]);
  expect(observed.lines()).toEqual(before);
  writeFileSync(join(directory, 'd/meanwhile'), 'x');
  uncover();
  await untilAvailable(observed, true);
  await untilSame(observed);
});

testOnMount('a storage that hangs is refused when it is opened, and a source on it is closed in time', async () => {
  const {mount, observed} = await observeMount();
  mount.hang();
  try {
    const another = openTestSource(mount.mountPoint, {}, {limits: {guardMs: 100, stalledMs: 300}});
    await expect(another.open(observed.sink)).rejects.toThrow(/Cannot observe .*: it has not answered for 0\.3 s/);
    const scanned = observed.scan();
    const at = performance.now();
    await observed.source.close();
    expect(performance.now() - at).toBeLessThan(10_000);
    expect(await scanned).toMatchObject({isComplete: false});
  } finally {
    mount.resume();
  }
});

/** What may be the matter with a storage when its agent is started, and what mends it. */
const absences: Record<string, (mount: Bindfs) => Promise<{reason: RegExp; heal: () => unknown}>> = {
  'is not mounted': async mount => {
    mount.unmount();
    return {reason: /now it is/, heal: () => mount.mount()};
  },
  'has no mount point': async mount => {
    mount.unmount();
    rmdirSync(mount.mountPoint);
    const heal = () => {
      mkdirSync(mount.mountPoint);
      return mount.mount();
    };
    return {reason: /does not exist/, heal};
  },
  'gives errors': async mount => {
    await mount.kill();
    const heal = () => {
      mount.unmount();
      return mount.mount();
    };
    return {reason: /ENOTCONN/, heal};
  },
  hangs: async mount => {
    mount.hang();
    return {reason: /has not answered for 3 s/, heal: () => mount.resume()};
  },
};

for (const [what, happens] of Object.entries(absences)) {
  testOnMount(`a storage that was observed before and ${what} is waited for, and why is told`, async () => {
    const {directory, mount, observed, remembered} = await observeMount();
    await observed.source.close();
    const again = new Observed(mount.mountPoint, openTestSource(mount.mountPoint, {}, {limits, remembered}));
    cleanups.push(() => again.source.close());
    const {reason, heal} = await happens(mount);
    cleanups.push(() => mount.resume());
    const opening = again.source.open(again.sink);
    opening.catch(() => {});
    await untilAvailable(again, false);
    expect(again.source.status().reason).toMatch(reason);
    writeFileSync(join(directory, 'd/meanwhile'), 'x');
    await heal();
    await opening;
    expect(again.source.status()).toMatchObject({isAvailable: true, reason: undefined});
    await again.scan();
    writeFileSync(join(mount.mountPoint, 'd/live'), 'x');
    await again.expectSame();
  });
}

testOnMount('a source that waits for its storage is closed at once', async () => {
  const {mount, observed, remembered} = await observeMount();
  await observed.source.close();
  mount.unmount();
  const waiting = openTestSource(mount.mountPoint, {}, {limits, remembered});
  const opening = expect(waiting.open(observed.sink)).rejects.toThrow();
  await until(() => !waiting.status().isAvailable, {what: 'a source that waits'});
  await waiting.close();
  await opening;
});

testOnMount('threads that hang do not keep the process alive, whatever way it ends', async () => {
  const {mount} = await observeMount();
  mount.hang();
  try {
    for (const end of ['exit', 'return']) {
      const script = join(mount.mountPoint, '..', `${end}.ts`);
      writeFileSync(
        script,
        `import {openTestSource} from ${JSON.stringify(join(import.meta.dirname, 'open-test-source.ts'))};
        const source = openTestSource(${JSON.stringify(mount.mountPoint)}, {}, {limits: {guardMs: 100, stalledMs: 300}});
        const sink = {emit() {}, offer: async () => {}, evidence: () => 0, now: () => performance.now()};
        await source.open(sink).catch(error => console.log(error.message));
        process.exitCode = 7;
        if (${JSON.stringify(end)} === 'exit') process.exit();`,
      );
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', data => (output += data));
      const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
      const [code] = await new Promise<unknown[]>(resolve => child.once('exit', (...args) => resolve(args)));
      clearTimeout(timer);
      expect({code, output}).toEqual({code: 7, output: expect.stringContaining('has not answered')});
    }
  } finally {
    mount.resume();
  }
});

const errors = ['EIO', 'ESTALE', 'EACCES', 'ENOTCONN'];
const faults = errors.flatMap((error, i): Fault[] => [
  {call: 'open', path: `/d${i}/open`, error},
  {call: 'getdents64', path: `/d${i}/getdents64`, error},
  {call: 'statx', path: `/d${i}/statx`, error},
]);

test('a directory that gives an error is told as unreadable, keeps all below it, and heals with the next scan', async () => {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  for (const {path} of faults) {
    mkdirSync(join(folder.path, path, 'below/deep'), {recursive: true});
    writeFileSync(join(folder.path, path, 'below/deep/f'), 'x');
  }
  const {openThread, set} = faultyThreads(faults);
  const observed = new Observed(folder.path, openTestSource(folder.path, {}, {openThread}));
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  await observed.scan();
  const before = observed.lines();
  forget(observed);

  set(true);
  for (const isFull of [true, false]) {
    forget(observed);
    const result = await observed.scan({source: 'audit', isFull});
    expect(result).toMatchObject({isComplete: false, unreadable: faults.length});
    expect(result.reason).toBeUndefined();
    const unreadable = observed.scanned.flatMap(event =>
      event.kind === 'unreadable' ? [`${event.path} ${event.error}`] : [],
    );
    expect(unreadable.sort()).toEqual(faults.map(({path, error}) => `${path} ${error}`).sort());
    expect(observed.lines()).toEqual(before);
  }
  expect(observed.source.status().isAvailable).toBe(true);

  writeFileSync(join(folder.path, 'd0/open/unseen'), 'x');
  set(false);
  const healed = await observed.scan({source: 'audit', isFull: false});
  expect(healed).toMatchObject({isComplete: true, unreadable: 0});
  await observed.expectSame();
});

test('a name that cannot be looked at has its directory listed, so that what happened to it is told all the same', async () => {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  mkdirSync(join(folder.path, 'd'));
  const {openThread, set} = faultyThreads([{call: 'check', path: '/d/f', error: 'EIO'}]);
  const observed = new Observed(folder.path, openTestSource(folder.path, {}, {openThread}));
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  await observed.scan();
  set(true);
  writeFileSync(join(folder.path, 'd/f'), 'x');
  await observed.expectSame();
});
