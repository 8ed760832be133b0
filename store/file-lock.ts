import {dlopen} from 'node:ffi';
import {closeSync, openSync} from 'node:fs';

const lockExclusive = 2;
const lockNonBlocking = 4;

/**
 * A lock that belongs to this process and goes with it, however it ends: the kernel's `flock`. A file with a process number
 * in it would outlive a `kill -9`, and the number might be another process by then.
 */
export type FileLock = {release(): void};

/** Undefined when another process has it. */
export function tryLock(path: string): FileLock | undefined {
  return lock(path, lockExclusive | lockNonBlocking);
}

/** Runs a short body while no other process runs one under the same lock; waits for its turn. */
export function locked<T>(path: string, body: () => T): T {
  const held = lock(path, lockExclusive);
  try {
    return body();
  } finally {
    held?.release();
  }
}

function lock(path: string, operation: number): FileLock | undefined {
  const descriptor = openSync(path, 'a', 0o600);
  using libc = dlopen('libc.so.6', {flock: {arguments: ['i32', 'i32'], return: 'i32'}});
  if (libc.functions.flock(descriptor, operation) === 0) return {release: () => closeSync(descriptor)};
  closeSync(descriptor);
  return undefined;
}
