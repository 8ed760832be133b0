import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {getPriority, tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, test} from 'vitest';
import {Observed, sourceContract} from '../../core/source/source.contract.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {openTestSource} from './open-test-source.ts';

const open = (watcher: 'inotify' | 'chokidar') => (path: string) => openTestSource(path, {watcher});

sourceContract('libc and inotify', open('inotify'), {isExact: true});
sourceContract('Node and chokidar', open('chokidar'), {isExact: false});

test('the threads that scan give way, and no others', async () => {
  using folder = temporaryFolder('fustor-source-');
  const own = getPriority();
  const observed = new Observed(folder.path, openTestSource(folder.path, {walkers: 3, nice: own + 7}));
  await observed.source.open(observed.sink);
  await until(() => nices().filter(nice => nice === own + 7).length === 3, {what: 'three threads that give way'});
  expect(nices().filter(nice => nice !== own)).toHaveLength(3);
  await observed.source.close();
});

/** Of the threads of this process. */
function nices(): number[] {
  const tasks = readdirSync('/proc/self/task').map(id => readFileSync(`/proc/self/task/${id}/stat`, 'latin1'));
  return tasks.map(stat => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]));
}

test.skipIf(process.getuid!() !== 0)(
  "an overflow of the kernel's queue is told as a gap, and what was missed is found by a rescan",
  async () => {
    const limit = '/proc/sys/fs/inotify/max_queued_events';
    const before = readFileSync(limit, 'utf8');
    const directory = mkdtempSync(join(tmpdir(), 'fustor-source-'));
    mkdirSync(join(directory, 'old'));
    const observed = new Observed(directory, open('inotify')(directory));
    writeFileSync(limit, '8'); // an instance takes the limit that holds when it is made
    try {
      await observed.source.open(observed.sink);
    } finally {
      writeFileSync(limit, before);
    }
    try {
      await observed.scan();
      for (let i = 0; i < 3_000; i++) {
        mkdirSync(join(directory, `d${i}`));
        writeFileSync(join(directory, `d${i}`, 'f'), 'x');
      }
      rmSync(join(directory, 'old'), {recursive: true});
      await until(() => observed.source.status().overflows > 0, {what: 'an overflow'});
      expect(observed.told).toContainEqual(expect.objectContaining({phase: 'gap', path: '/'}));
      await until(
        () =>
          observed.expectSame().then(
            () => true,
            () => false,
          ),
        {everyMs: 500, what: 'the same tree'},
      );
    } finally {
      await observed.source.close();
      rmSync(directory, {recursive: true});
    }
  },
  60_000,
);
