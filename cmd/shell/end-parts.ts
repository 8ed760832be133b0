import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {tryLock} from '../../store/file-lock.ts';
import {type PartRecord, readRecords, removeRecord} from './part-record.ts';
import {isRunning} from './process-table.ts';

/** Longer than a gateway needs to drain; shorter than a service's time to stop. */
const graceMs = 10_000;
const lookAgainMs = 20;

/**
 * What `SERVICE_RESULT` of systemd.exec(5) is when a service was told to stop: it did, or had to be killed. After anything
 * else it is started again, and takes its parts over.
 */
const resultsOfStop = ['success', 'timeout'];

/**
 * Ends the parts that a shell has left on its data directory, by SIGTERM, then SIGKILL; resolves to their names when they are
 * gone. Throws DATA_DIR_UNUSABLE while a shell is there to do it.
 */
export async function endParts(directory: string, role: 'agent' | 'fusion'): Promise<string[]> {
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
    signal(parts, 'SIGTERM');
    signal(parts, 'SIGCONT'); // one that is stopped hears of it when it goes on
    const deadline = performance.now() + graceMs;
    while (parts.some(isRunning)) {
      if (performance.now() > deadline) signal(parts, 'SIGKILL');
      await delay(lookAgainMs);
    }
    for (const record of records) removeRecord(runDirectory, record);
    return parts.map(({name}) => name);
  } finally {
    lock.release();
  }
}

/** Whether systemd, which calls this when a service has ended, will start another shell, which needs the parts. */
export function isStartedAgain(env: NodeJS.ProcessEnv): boolean {
  return env.SERVICE_RESULT !== undefined && !resultsOfStop.includes(env.SERVICE_RESULT);
}

function signal(parts: PartRecord[], name: NodeJS.Signals): void {
  for (const part of parts) {
    try {
      if (isRunning(part)) process.kill(part.pid, name);
    } catch {
      // it has just ended
    }
  }
}
