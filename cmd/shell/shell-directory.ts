import {join} from 'node:path';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Survivor} from '../../core/shell/part.ts';
import {tryLock} from '../../store/file-lock.ts';
import {prepareLocalDirectory} from '../../store/local-disk.ts';
import {findSurvivors} from './child-process.ts';

/**
 * Makes a shell the only one on its data directory, and finds the parts that an earlier one left. Throws DATA_DIR_UNUSABLE.
 * `runDirectory` is where the parts' records, logs and sockets are.
 */
export function claimDirectory(
  directory: string,
  role: 'agent' | 'fusion',
): {runDirectory: string; survivors: Survivor[]; release: () => void} {
  prepareLocalDirectory(directory);
  const lock = tryLock(join(directory, `${role}.lock`));
  if (!lock) {
    throw new FustorError('DATA_DIR_UNUSABLE', `Another ${role} runs on the data directory ${directory}.`, {
      hint: 'Stop it, or give this one another "data".',
    });
  }
  const runDirectory = join(directory, 'run');
  return {runDirectory, survivors: findSurvivors(runDirectory), release: () => lock.release()};
}

/** A shell has one data directory as long as it runs: its parts, and their successors, are found by it. */
export function keepsDirectory(role: 'agent' | 'fusion', has: string, wanted: string): void {
  if (wanted === has) return;
  throw new FustorError('CONFIG_INVALID', `"${role}.data" says ${wanted}; this ${role} runs on ${has}.`, {
    hint: `Stop the ${role}, move its data, and start it again.`,
  });
}
