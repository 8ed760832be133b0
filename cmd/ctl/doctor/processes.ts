import {readdirSync, readFileSync, readlinkSync, statSync} from 'node:fs';

/** As it was started; empty when it is gone, or of the kernel. */
export function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return [];
  }
}

/** `pid 812 (nginx: master process)`. */
export function processText(pid: number): string {
  const words = commandLine(pid).join(' ').trim();
  return words === '' ? `pid ${pid}` : `pid ${pid} (${words.length > 60 ? `${words.slice(0, 57)}...` : words})`;
}

/** What its descriptors lead to; empty when it is gone, or another user's. */
export function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap(fd => linkOf(`/proc/${pid}/fd/${fd}`) ?? []);
  } catch {
    return [];
  }
}

export function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Whoever holds a lock file, without taking it; undefined when nobody does. */
export function lockHolder(file: string): number | undefined {
  let inode: string;
  let locks: string;
  try {
    inode = String(statSync(file).ino);
    locks = readFileSync('/proc/locks', 'latin1');
  } catch {
    return undefined;
  }
  const holders = locks.split('\n').flatMap(line => {
    const [, kind, , , pid, place] = line.split(/\s+/);
    return kind === 'FLOCK' && place?.split(':')[2] === inode ? [Number(pid)] : [];
  });
  // Another file system may have a file of the same number.
  return holders.find(pid => {
    const files = openFiles(pid);
    return files.length === 0 || files.includes(file);
  });
}
