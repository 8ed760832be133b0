import {dlopen} from 'node:ffi';
import {readdirSync, readFileSync, type StatsFs, statfsSync} from 'node:fs';

/** What checks ask of this host where a test cannot seed the real fault. */
export type HostFacts = {
  /** Wall time in milliseconds since 1970. */
  nowMs(): number;
  /** Whether the kernel believes its clock; undefined when it does not tell. */
  isClockSynchronised(): boolean | undefined;
  /** A file of /proc or /sys; undefined where there is none, or this user may not read it. */
  readText(path: string): string | undefined;
  /** The numbers of all processes that this one sees. */
  processNumbers(): number[];
  statfs(path: string): Pick<StatsFs, 'type' | 'bsize' | 'blocks' | 'bavail' | 'files' | 'ffree'>;
};

export const hostFacts: HostFacts = {
  nowMs: Date.now,
  isClockSynchronised,
  readText: path => {
    try {
      return readFileSync(path, 'latin1');
    } catch {
      return undefined;
    }
  },
  processNumbers: () => readdirSync('/proc').flatMap(name => (/^\d+$/.test(name) ? Number(name) : [])),
  statfs: path => statfsSync(path),
};

/** `struct timex`, and what adjtimex(2) returns for a clock that nothing keeps. */
const timexBytes = 208;
const timeError = 5;

function isClockSynchronised(): boolean | undefined {
  try {
    using library = dlopen('libc.so.6', {adjtimex: {arguments: ['pointer'], return: 'i32'}});
    const state = library.functions.adjtimex(Buffer.alloc(timexBytes));
    return state < 0 ? undefined : state !== timeError;
  } catch {
    return undefined;
  }
}
