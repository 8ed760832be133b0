import {dlopen} from 'node:ffi';

const fileSizeLimit = 1; // RLIMIT_FSIZE
export const unlimited = 2n ** 64n - 1n;
const ignoreSignal = () => {};

/**
 * Files of this process may not be written beyond this; the kernel then fails a write as it does on a full disk. It also sends
 * SIGXFSZ, which ends a process that does not listen to it.
 */
export function limitFileSize(bytes: bigint): void {
  using libc = dlopen('libc.so.6', {setrlimit: {arguments: ['i32', 'pointer'], return: 'i32'}});
  const limits = new BigUint64Array([bytes, unlimited]);
  if (libc.functions.setrlimit(fileSizeLimit, limits) !== 0) throw new Error('setrlimit failed');
}

/** The same until it is disposed, and the signal is listened to. */
export function limitedFileSize(bytes: number): Disposable {
  process.on('SIGXFSZ', ignoreSignal);
  limitFileSize(BigInt(bytes));
  return {
    [Symbol.dispose]: () => {
      limitFileSize(unlimited);
      process.off('SIGXFSZ', ignoreSignal);
    },
  };
}
