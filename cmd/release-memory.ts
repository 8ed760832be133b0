import {readFileSync} from 'node:fs';
import {libc} from './libc.ts';

/** Of `madvise`: they are read again from their file, or found in the page cache, when they are needed again. */
const notNeeded = 4;

/**
 * Gives back to the system what this process had to have for a while: what other threads have freed, which glibc keeps for
 * them, and the pages of the executable that only its start needed.
 */
export function releaseMemory(): void {
  const {malloc_trim, madvise} = libc();
  malloc_trim(0n);
  for (const {start, end} of executablePages()) madvise(start, end - start, notNeeded);
}

/** Those mappings of the executable of which no page was ever written: the file has the same. */
function executablePages(): {start: bigint; end: bigint}[] {
  const mappings = readFileSync('/proc/self/smaps', 'latin1').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  return mappings.flatMap(text => {
    const [, start, end, path] = /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p \S+ \S+ \S+ +(.*)/.exec(text) ?? [];
    if (path !== process.execPath || !/^Anonymous: +0 kB$/m.test(text)) return [];
    return [{start: BigInt(`0x${start}`), end: BigInt(`0x${end}`)}];
  });
}
