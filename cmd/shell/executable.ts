import {execFile} from 'node:child_process';
import {createHash} from 'node:crypto';
import {statSync} from 'node:fs';
import {isSea} from 'node:sea';
import {promisify} from 'node:util';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {executablePath} from '../executable-path.ts';

const tryTimeoutMs = 20_000;

/** Which file this process runs, also when another one has taken its name since. */
const running = isSea() ? identityOf('/proc/self/exe') : 'sources';

/** Whether another file stands now where this one was started from. */
export function isReplaced(): boolean {
  try {
    return isSea() && identityOf(executablePath) !== running;
  } catch {
    return false; // it has been removed: there is nothing to change to
  }
}

/**
 * Of what a part is made from: with another one it has to be replaced. A file that was put in place of this executable, or that
 * is gone, changes nothing before this shell has executed itself again.
 */
export function partHash(config: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([config, running]))
    .digest('hex')
    .slice(0, 16);
}

/** Rejects when what stands in place of this executable does not run on this machine. */
export async function tryReplacement(): Promise<void> {
  try {
    await promisify(execFile)(executablePath, ['--version'], {timeout: tryTimeoutMs});
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new FustorError('REPLACEMENT_UNUSABLE', `The new ${executablePath} does not run here: ${reason}.`, {
      cause,
      hint: 'Copy the right executable there, whole, and reload again; the earlier one goes on until then.',
    });
  }
}

function identityOf(path: string): string {
  const {dev, ino, size, mtimeNs} = statSync(path, {bigint: true});
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}
