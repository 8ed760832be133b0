import {readFileSync} from 'node:fs';

export type ProcessState = {
  /** When it started, in ticks since boot: with the number it tells a process from a later one of the same number. */
  startTime: string;
  /** A letter of proc(5). */
  state: string;
  cpuMs: number;
};

/** `CLK_TCK`, which is 100 on every Linux that Node runs on. */
const tickMs = 10;

/** Undefined when there is no such process, or when it is dead and only waits to be reaped. */
export function processState(pid: number): ProcessState | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program, in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, cpu] = [fields[0]!, Number(fields[11]) + Number(fields[12])];
    return state === 'Z' || state === 'X' ? undefined : {state, startTime: fields[19]!, cpuMs: cpu * tickMs};
  } catch {
    return undefined;
  }
}

export function isRunning({pid, startTime}: {pid: number; startTime: string | undefined}): boolean {
  return startTime !== undefined && processState(pid)?.startTime === startTime;
}

/** Memory of its own, also where it is swapped out, without mapped files; in bytes. 0 when it is gone. */
export function memoryOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kibibytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
    return 1024 * (kibibytes('RssAnon') + kibibytes('VmSwap'));
  } catch {
    return 0;
  }
}
