import {readdirSync, readFileSync} from 'node:fs';

/** What the kernel says of running processes. */

/** Processor time so far, with that of threads that have ended, in seconds; the kernel counts it in hundredths. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident memory without what is mapped from files: a store's tree is such a map. */
export function anonymousMiB(pid: number): number {
  const [, kibibytes] = /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return Number(kibibytes) / 1024;
}

/** All that it wrote, to sockets and files alike; and what of it went to files on a disk. */
export function bytesWritten(pid: number): {all: number; disk: number} {
  const text = readFileSync(`/proc/${pid}/io`, 'utf8');
  const figure = (name: string) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)![1]);
  return {all: figure('wchar'), disk: figure('write_bytes')};
}

/** The largest memory of its own that each process has had while it was watched. */
export function watchPeaks(pids: () => number[]): {stop(): Map<number, number>} {
  const peaks = new Map<number, number>();
  const timer = setInterval(() => {
    const alive = new Set(readdirSync('/proc'));
    for (const pid of pids().filter(pid => alive.has(String(pid)))) {
      peaks.set(pid, Math.max(peaks.get(pid) ?? 0, anonymousMiB(pid)));
    }
  }, 50);
  return {
    stop: () => {
      clearInterval(timer);
      return peaks;
    },
  };
}
