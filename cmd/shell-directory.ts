import {join} from 'node:path';
import {FustorError} from '../core/errors/fustor-error.ts';
import type {Log} from '../core/log/log.ts';
import {tryLock} from '../store/file-lock.ts';
import {prepareLocalDirectory} from '../store/local-disk.ts';
import {endSurvivors} from './child-process.ts';

/**
 * Makes a shell the only one on its data directory, and ends the parts that an earlier one left. Throws DATA_DIR_UNUSABLE.
 * `runDirectory` is where the parts' records and sockets are.
 */
export async function claimDirectory(
  directory: string,
  {role, log}: {role: 'agent' | 'fusion'; log: Log},
): Promise<{runDirectory: string; release: () => void}> {
  prepareLocalDirectory(directory);
  const lock = tryLock(join(directory, `${role}.lock`));
  if (!lock) {
    throw new FustorError('DATA_DIR_UNUSABLE', `Another ${role} runs on the data directory ${directory}.`, {
      hint: 'Stop it, or give this one another "data".',
    });
  }
  const runDirectory = join(directory, 'run');
  const survivors = await endSurvivors(runDirectory);
  if (survivors.length > 0) log.warn({survivors}, 'ended parts that an earlier shell had left');
  return {runDirectory, release: () => lock.release()};
}
