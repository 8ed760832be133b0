import {join} from 'node:path';
import {expect, onTestFinished, test} from 'vitest';
import type {Log} from '../../core/log/log.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {Part} from '../../core/shell/part.ts';
import type {DeathCause} from '../../core/shell/part-report.ts';
import {Supervisor} from '../../core/shell/supervisor.ts';
import {temporaryFolder} from '../../test/lib/temporary-folder.ts';
import {until} from '../../test/lib/until.ts';
import {systemClock} from '../system-clock.ts';
import {partSocket, startChild} from './child-process.ts';
import {processState} from './process-table.ts';

const log: Log = {debug() {}, info() {}, warn() {}, error() {}, child: () => log};
const program = join(import.meta.dirname, '../../test/lib/part-program.ts');

const supervision = {
  memoryBytesMax: 200 * 2 ** 20,
  unansweringAfterMs: 2_000,
  stalledAfterMs: 2_000,
  graceMs: 10_000,
  pauseMsMax: 1_000,
  quarantine: {deaths: 2, windowMs: 600_000},
};

/** A real process that does this soon after its start, under a real supervisor; ended when the test is over. */
function supervised(does: string): Supervisor {
  const folder = temporaryFolder();
  const name = 'part';
  const part: Part = {
    name,
    hash: 'a',
    supervision,
    start: () =>
      startChild({
        executable: process.execPath,
        args: ['--max-old-space-size=64', '--disable-warning=ExperimentalWarning', program],
        name,
        config: {socket: partSocket(folder.path, name), does},
        hash: 'a',
        runDirectory: folder.path,
      }),
  };
  const stop = new AbortController();
  const supervisor = new Supervisor(part, {clock: systemClock, random: Math.random, log, changed: new Signal()});
  const ended = supervisor.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await ended;
    folder[Symbol.dispose]();
  });
  return supervisor;
}

for (const [does, cause, told] of [
  ['exit', 'exit', {code: 3, signal: null, stderr: 'cannot go on\n'}],
  ['crash', 'signal', {code: null, signal: 'SIGSEGV'}],
  ['spin', 'unanswering', {detail: expect.stringContaining('it computes')}],
  ['leak', 'memory_max', {detail: expect.stringContaining('200 MiB')}],
  ['exhaust', 'out_of_memory', {stderr: expect.stringContaining('heap out of memory')}],
  ['stall', 'stalled', {}],
] satisfies [string, DeathCause, object][]) {
  test(`a process that is told to ${does} is told as ${cause}, is started again, and is left alone the second time`, async () => {
    const supervisor = supervised(does);
    await until(() => supervisor.state === 'quarantined', {timeoutMs: 60_000, what: 'quarantine'});
    const {lastDeath, starts, pid} = supervisor.report();
    expect({starts, pid}).toEqual({starts: 2, pid: undefined});
    expect(lastDeath).toMatchObject({cause, ...told});
    expect(processState(lastDeath!.pid!)).toBeUndefined();
  });
}

test('a frozen process is ended', async () => {
  const supervisor = supervised('nothing');
  const pid = await until(() => (supervisor.state === 'running' ? supervisor.report().pid : undefined));
  process.kill(pid, 'SIGSTOP');
  await until(() => supervisor.report().lastDeath, {what: 'its end'});
  expect(supervisor.report().lastDeath).toMatchObject({cause: 'frozen', pid, signal: 'SIGKILL'});
});
