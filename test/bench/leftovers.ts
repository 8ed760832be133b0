import {readdirSync, readFileSync} from 'node:fs';

/** In the environment of everything that a run starts, and of what that starts: its folder. */
export const markVariable = 'FUSTOR_BENCH';

/**
 * Kills every process with a run's mark. By the mark and not by process group: shells give their parts groups of their own, so that
 * these outlive them, and a part that was killed is started again while its shell lives. Returns the command lines of what was found.
 */
export function killMarked(mark: string): string[] {
  const killed = new Map<number, string>();
  for (let found = marked(mark); found.length > 0; found = marked(mark)) {
    for (const pid of found) {
      if (!killed.has(pid)) killed.set(pid, read(pid, 'cmdline').replaceAll('\0', ' ').trim());
      kill(pid);
    }
  }
  return [...killed.values()];
}

/** Not this process, and nothing that has ended and waits for its parent: that has no environment any more. */
function marked(mark: string): number[] {
  const wanted = `${markVariable}=${mark}`;
  const pids = readdirSync('/proc')
    .map(Number)
    .filter(pid => pid > 0 && pid !== process.pid);
  return pids.filter(pid => read(pid, 'environ').split('\0').includes(wanted));
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return ''; // it has ended, or is another user's
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}
