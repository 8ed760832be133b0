import {dlopen} from 'node:ffi';

const fileSizeLimit = 1; // RLIMIT_FSIZE
const unlimited = 2n ** 64n - 1n;
const ignoreSignal = () => {};

/**
 * Files of this process may not grow beyond this until it is disposed: the kernel then fails a write as it does on a full
 * disk.
 */
export function limitFileSize(bytes: number): Disposable {
  process.on('SIGXFSZ', ignoreSignal);
  setLimit(BigInt(bytes));
  return {
    [Symbol.dispose]: () => {
      setLimit(unlimited);
      process.off('SIGXFSZ', ignoreSignal);
    },
  };
}

function setLimit(bytes: bigint): void {
  using libc = dlopen('libc.so.6', {setrlimit: {arguments: ['i32', 'pointer'], return: 'i32'}});
  const limits = new BigUint64Array([bytes, unlimited]);
  if (libc.functions.setrlimit(fileSizeLimit, limits) !== 0) throw new Error('setrlimit failed');
}
