import {readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {constants} from 'node:os';
import {join} from 'node:path';

/** What `/proc` tells of the processes of a site, whatever anybody recorded about them. */

export const kinds = ['agent-shell', 'payload', 'fusion-shell', 'engine', 'gateway', 'controller'] as const;
export type Kind = (typeof kinds)[number];

/** `startTime`: ticks since boot; a process number alone may belong to another process later. */
export type Process = {pid: number; startTime: string; kind: Kind};

/** All running processes whose executable lies in this folder. */
export function processesIn(folder: string): Process[] {
  return pids().flatMap(pid => {
    const argv = read(pid, 'cmdline')?.split('\0') ?? [];
    const startTime = startTimeOf(pid);
    if (!argv[0]?.startsWith(`${folder}/`) || startTime === undefined) return [];
    return [{pid, startTime, kind: kindOf(argv)}];
  });
}

/** All running processes that have anything to do with a folder: started from it, standing in it, or told of it. */
export function processesAbout(folder: string): {pid: number; command: string}[] {
  return pids().flatMap(pid => {
    const command = read(pid, 'cmdline') ?? '';
    const isAbout = [command, read(pid, 'environ'), link(pid, 'cwd')].some(text => text?.includes(folder));
    const isOver = startTimeOf(pid) === undefined;
    return isAbout && !isOver && pid !== process.pid ? [{pid, command: command.replaceAll('\0', ' ')}] : [];
  });
}

export function isAlive({pid, startTime}: Process): boolean {
  return startTimeOf(pid) === startTime;
}

/** Memory of its own (RssAnon) and open descriptors; undefined when it has ended. */
export function usageOf(pid: number): {bytes: number; descriptors: number} | undefined {
  const kib = /RssAnon:\s+(\d+)/.exec(read(pid, 'status') ?? '')?.[1];
  const descriptors = entries(`/proc/${pid}/fd`);
  return kib === undefined || !descriptors ? undefined : {bytes: Number(kib) * 1024, descriptors: descriptors.length};
}

/** Whether it handles these signals: one that comes earlier ends a process that has just started. */
export function handles(pid: number, ...signals: NodeJS.Signals[]): boolean {
  const caught = BigInt(`0x${/SigCgt:\s+(\w+)/.exec(read(pid, 'status') ?? '')?.[1] ?? 0}`);
  return signals.every(name => (caught >> BigInt(constants.signals[name] - 1)) & 1n);
}

/** How long its main thread has been able to run and got no processor, in milliseconds. */
export function starvedMs(pid: number): number {
  return Number(read(pid, 'schedstat')?.split(' ')[1] ?? 0) / 1e6;
}

/** Whether it listens on a unix socket, as every part does that has read its configuration. */
export function listensOnUnixSocket(pid: number): boolean {
  const inodes = socketsOf(pid);
  const isListening = ([, , , flags, , , inode]: string[]) => flags === '00010000' && inodes.has(inode ?? '');
  return (read(pid, 'net/unix') ?? '').split('\n').some(line => isListening(line.split(/\s+/)));
}

/** The ports at the other ends of the TCP connections that a process has accepted or opened. */
export function peerPortsOf(pid: number): Set<number> {
  const inodes = socketsOf(pid);
  const ports = new Set<number>();
  for (const line of ['net/tcp', 'net/tcp6'].flatMap(file => read(pid, file)?.split('\n') ?? [])) {
    const fields = line.trim().split(/\s+/);
    if (inodes.has(fields[9] ?? '')) ports.add(Number.parseInt(fields[2]!.split(':')[1]!, 16));
  }
  return ports;
}

function socketsOf(pid: number): Set<string> {
  const open = (entries(`/proc/${pid}/fd`) ?? []).map(fd => link(pid, `fd/${fd}`));
  return new Set(open.flatMap(target => /^socket:\[(\d+)\]$/.exec(target ?? '')?.[1] ?? []));
}

function kindOf(argv: readonly string[]): Kind {
  for (const kind of ['payload', 'engine', 'gateway', 'controller'] as const) if (argv[1] === kind) return kind;
  return argv[0]!.endsWith('fustor-agent') ? 'agent-shell' : 'fusion-shell';
}

/** Undefined when the process is gone, or a zombie, which does nothing any more. */
function startTimeOf(pid: number): string | undefined {
  const stat = read(pid, 'stat');
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number);
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(join('/proc', String(pid), file), 'latin1');
  } catch {
    return undefined; // it has ended
  }
}

function link(pid: number, file: string): string | undefined {
  try {
    return readlinkSync(join('/proc', String(pid), file));
  } catch {
    return undefined;
  }
}

function entries(directory: string): string[] | undefined {
  try {
    return readdirSync(directory);
  } catch {
    return undefined;
  }
}
