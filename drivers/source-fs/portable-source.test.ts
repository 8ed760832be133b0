import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, expect, test, vi} from 'vitest';
import {Observed} from '../../core/source/source.contract.ts';
import type {SourceEvent} from '../../core/source/source.ts';
import {mountBindfs, whyNoBindfs} from '../../test/lib/bindfs.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {openTestSource} from './open-test-source.ts';

vi.setConfig({testTimeout: 60_000, hookTimeout: 60_000});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const limits = {guardMs: 200, stalledMs: 3_000};

async function observe(directory: string): Promise<Observed> {
  const observed = new Observed(directory, openTestSource(directory, {watcher: 'chokidar'}, {limits}));
  cleanups.push(() => observed.source.close());
  await observed.source.open(observed.sink);
  await observed.scan();
  return observed;
}

function hasTold(observed: Observed, wanted: Partial<Extract<SourceEvent, {kind: 'phase'}>>): boolean {
  return [...observed.told, ...observed.scanned].some(event =>
    Object.entries(wanted).every(([key, value]) => event[key as keyof typeof event] === value),
  );
}

/** Everything is read again, and after that changes are seen by themselves. */
async function expectHealed(observed: Observed): Promise<void> {
  await until(() => hasTold(observed, {phase: 'scan_end', isComplete: true}), {what: 'the end of the rescan'});
  expect(hasTold(observed, {phase: 'gap', path: '/'} as object)).toBe(true);
  expect(observed.source.status().isAvailable).toBe(true);
  await observed.expectSame();
  writeFileSync(join(observed.directory, 'd/live'), 'x');
  await until(() => observed.lines().some(line => line.startsWith('/d/live|')), {what: 'a change that is seen'});
}

test.skipIf(whyNoBindfs() !== undefined)(
  'a storage that was unmounted and mounted again is watched anew, and all that was missed is read',
  async () => {
    const folder = temporaryFolder();
    cleanups.push(() => folder.remove());
    const {directory, mount} = await mountBindfs(folder.path);
    cleanups.push(() => mount.remove());
    mkdirSync(join(directory, 'd'));
    const observed = await observe(mount.mountPoint);
    execFileSync('umount', ['--lazy', mount.mountPoint]);
    writeFileSync(join(directory, 'd/meanwhile'), 'x');
    await mount.mount();
    await expectHealed(observed);
  },
);

test('a root that was away and is back is watched anew, and all that was missed is read', async () => {
  const folder = temporaryFolder();
  cleanups.push(() => folder.remove());
  const root = join(folder.path, 'root');
  mkdirSync(join(root, 'd'), {recursive: true});
  const observed = await observe(root);
  renameSync(root, `${root}-away`);
  await until(() => !observed.source.status().isAvailable, {what: 'that it is away'});
  writeFileSync(join(`${root}-away`, 'd/meanwhile'), 'x');
  renameSync(`${root}-away`, root);
  await expectHealed(observed);
  rmSync(join(root, 'd/meanwhile'));
  await until(() => !observed.lines().some(line => line.startsWith('/d/meanwhile|')), {
    what: 'a deletion that is seen',
  });
});

/** A process in a namespace of its own, whose kernel allows it few watches. */
const fewWatches = [
  '--user',
  '--map-root-user',
  'sh',
  '-c',
  'echo 9 >/proc/sys/user/max_inotify_watches && exec "$@"',
  'sh',
];

test.skipIf(spawnSync('unshare', [...fewWatches, 'true']).status !== 0)(
  'directories that the kernel refuses to watch are told as not watched',
  () => {
    const folder = temporaryFolder();
    cleanups.push(() => folder.remove());
    for (let i = 0; i < 20; i++) mkdirSync(join(folder.path, `tree/d${i}`), {recursive: true});
    const script = join(folder.path, 'script.ts');
    writeFileSync(
      script,
      `import {openTestSource} from ${JSON.stringify(join(import.meta.dirname, 'open-test-source.ts'))};
      const source = openTestSource(${JSON.stringify(join(folder.path, 'tree'))}, {watcher: 'chokidar'});
      const told = [];
      const sink = {emit: event => told.push(event), offer: async () => {}, evidence: () => 0, now: () => 0};
      await source.open(sink);
      await source.scan({source: 'snapshot', path: '/', isFull: true, signal: new AbortController().signal});
      const {watched, known} = source.status();
      console.log(JSON.stringify([{watched, known}, told.at(-1)]));
      await source.close();`,
    );
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', script];
    const [status, coverage] = JSON.parse(execFileSync('unshare', [...fewWatches, ...node], {encoding: 'utf8'}));
    expect(status).toEqual({watched: expect.any(Number), known: 21});
    expect(status.watched).toBeLessThan(12);
    expect(coverage).toEqual({kind: 'phase', phase: 'coverage', ...status});
  },
);
