import {closeSync, fstatSync, openSync, rmSync, writeFileSync, writeSync} from 'node:fs';

/** Gateways and an engine need 65; of those that were killed each keeps one until somebody opens or checks. */
export const maxReaders = 1_024;

/** What LMDB makes of a lock file: a head, and a line of the processor's cache for each reader. */
const lockFileBytes = 208 + 64 * maxReaders;
/** A new environment with its tables is smaller. */
const newStoreBytes = 256 * 1024;

/**
 * Opening an environment for which there is no room ends the process inside lmdb-js, and so does touching a page of the lock
 * file for which there is none. So both are asked of the disk before, by writing: then it is an error like any other.
 */
export function prepareLockFile(path: string): void {
  const descriptor = openSync(path, 'a', 0o644);
  try {
    const {size} = fstatSync(descriptor);
    if (size < lockFileBytes) writeSync(descriptor, Buffer.alloc(lockFileBytes - size));
  } finally {
    closeSync(descriptor);
  }
}

/** Throws the system's error when there is no room for a new environment. */
export function proveRoom(path: string): void {
  const probe = `${path}-room`;
  try {
    writeFileSync(probe, Buffer.alloc(newStoreBytes));
  } finally {
    rmSync(probe, {force: true});
  }
}
