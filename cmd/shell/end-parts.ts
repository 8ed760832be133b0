import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {tryLock} from '../../store/file-lock.ts';
import {type PartRecord, readRecords, removeRecord} from './part-record.ts';
import {isRunning} from './process-table.ts';

const lookAgainMs = 20;

type EndOptions = {
  /** Longer than a gateway needs to drain; shorter than a service's time to stop. */
  graceMs?: number;
  /** What is still there so long after a SIGKILL waits in the kernel, for a storage say, and nobody knows for how long. */
  killedMs?: number;
  kill?: (pid: number, signal: NodeJS.Signals) => unknown;
};

/**
 * What `SERVICE_RESULT` of systemd.exec(5) is when a service was told to stop: it did, or had to be killed. After anything
 * else it is started again, and takes its parts over.
 */
const resultsOfStop = ['success', 'timeout'];

/**
 * Ends the parts that a shell has left on its data directory, by SIGTERM, then SIGKILL; resolves to their names when they are
 * gone. Throws DATA_DIR_UNUSABLE while a shell is there to do it, COMMAND_FAILED when some do not go: the next shell knows them.
 */
export async function endParts(
  directory: string,
  role: 'agent' | 'fusion',
  {graceMs = 10_000, killedMs = 5_000, kill = process.kill}: EndOptions = {},
): Promise<string[]> {
  if (!existsSync(directory)) return []; // it never ran
  const lock = tryLock(join(directory, `${role}.lock`));
  if (!lock) {
    throw new FustorError('DATA_DIR_UNUSABLE', `The ${role} on ${directory} runs, and looks after its parts itself.`, {
      hint: 'Stop it first.',
    });
  }
  try {
    const runDirectory = join(directory, 'run');
    const records = readRecords(runDirectory);
    const parts = records.filter(isRunning);
    const signal = (name: NodeJS.Signals) => sendAll(parts, name, kill);
    signal('SIGTERM');
    signal('SIGCONT'); // one that is stopped hears of it when it goes on
    await untilGone(parts, graceMs);
    signal('SIGKILL');
    await untilGone(parts, killedMs);
    for (const record of records) if (!isRunning(record)) removeRecord(runDirectory, record);
    const left = parts.filter(isRunning);
    if (left.length > 0) throw notEnded(left);
    return parts.map(({name}) => name);
  } finally {
    lock.release();
  }
}

/** Whether systemd, which calls this when a service has ended, will start another shell, which needs the parts. */
export function isStartedAgain(env: NodeJS.ProcessEnv): boolean {
  return env.SERVICE_RESULT !== undefined && !resultsOfStop.includes(env.SERVICE_RESULT);
}

/** Waits for so long at most. */
async function untilGone(parts: PartRecord[], ms: number): Promise<void> {
  const deadline = performance.now() + ms;
  while (parts.some(isRunning) && performance.now() < deadline) await delay(lookAgainMs);
}

function sendAll(parts: PartRecord[], name: NodeJS.Signals, kill: NonNullable<EndOptions['kill']>): void {
  for (const part of parts) {
    try {
      if (isRunning(part)) kill(part.pid, name);
    } catch {
      // it has just ended
    }
  }
}

function notEnded(left: PartRecord[]): FustorError {
  const names = left.map(({name, pid}) => `${name} (process ${pid})`).join(', ');
  return new FustorError('COMMAND_FAILED', `Not even SIGKILL has ended ${names}.`, {
    hint: 'It waits in the kernel: see "cat /proc/PID/stack" and the storage that it uses. It ends when that answers.',
  });
}
