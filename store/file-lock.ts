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

/**
 * Runs a short body while no other process runs one under the same lock; waits for its turn, for `turnMs` at most. Throws
 * when it did not come.
 */
export function locked<T>(path: string, body: () => T, turnMs = Number.POSITIVE_INFINITY): T {
  const held = turnMs === Number.POSITIVE_INFINITY ? lock(path, lockExclusive) : lockWithin(path, turnMs);
  try {
    return body();
  } finally {
    held?.release();
  }
}

function lockWithin(path: string, turnMs: number): FileLock {
  const until = performance.now() + turnMs;
  for (;;) {
    const held = tryLock(path);
    if (held) return held;
    if (performance.now() >= until) throw Object.assign(new Error(`Another process holds ${path}.`), {code: 'EBUSY'});
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}

function lock(path: string, operation: number): FileLock | undefined {
  const descriptor = openSync(path, 'a', 0o600);
  using libc = dlopen('libc.so.6', {flock: {arguments: ['i32', 'i32'], return: 'i32'}});
  if (libc.functions.flock(descriptor, operation) === 0) return {release: () => closeSync(descriptor)};
  closeSync(descriptor);
  return undefined;
}
