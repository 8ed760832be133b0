import {statfsSync} from 'node:fs';
import {constants} from 'node:os';
import {FustorError} from '../core/errors/fustor-error.ts';

/** LMDB's own number (lmdb.h). */
const mapFull = -30_792;

const {EDQUOT, EFBIG, EIO, ENOSPC} = constants.errno;
const noRoom: readonly unknown[] = [ENOSPC, EDQUOT, EFBIG, mapFull];
const noRoomInNode = ['ENOSPC', 'EDQUOT', 'EFBIG'];
const littleRoomBytes = 4 * 2 ** 20;

/** What should be in the store and is not. LMDB finds nothing wrong with it, so we say it. */
export class StoreDamage extends Error {}

/**
 * What LMDB and the disk say, as an error that tells the operator: STORE_FULL when there is no room, STORE_FAILED for
 * everything else. Undefined for an error that is not theirs. LMDB's errors have a number where those of Node have a name.
 */
export function storeError(error: unknown, directory: string): FustorError | undefined {
  if (error instanceof FustorError) return isStoreError(error) ? error : undefined;
  if (error instanceof StoreDamage) return storeFailed(error, directory);
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const {code} = error;
  if (noRoom.includes(code) || noRoomInNode.includes(String(code)) || (code === EIO && hasLittleRoom(directory))) {
    return new FustorError('STORE_FULL', `Cannot write to the store ${directory}: ${error.message}.`, {
      cause: error,
      hint: 'Free space on that disk; writing then goes on by itself.',
    });
  }
  return typeof code === 'number' ? storeFailed(error, directory) : undefined;
}

/** As told by the store: not the fault of what was to be written. */
export function isStoreError(error: unknown): error is FustorError {
  return error instanceof FustorError && (error.code === 'STORE_FULL' || error.code === 'STORE_FAILED');
}

export function storeFailed(error: unknown, directory: string): FustorError {
  const message = error instanceof Error ? error.message : String(error);
  return new FustorError('STORE_FAILED', `Cannot use the store ${directory}: ${message}.`, {
    cause: error,
    hint: "The kernel's log tells what the disk suffers from. A store that is damaged can be moved away: the agents fill a new one.",
  });
}

/** LMDB wants its environment to be opened again: the write that makes a commit valid has failed. */
export function isPanic(error: unknown): boolean {
  return error instanceof Error && error.message.includes('MDB_PANIC'); // its number is EINVAL when it is met reading
}

/** A write that was cut short, which LMDB calls an I/O error, is the first sign of a full disk. */
function hasLittleRoom(directory: string): boolean {
  const {bavail, bsize} = statfsSync(directory);
  return bavail * bsize < littleRoomBytes;
}
