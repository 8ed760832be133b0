import {type BigIntStats, opendirSync, readFileSync, statfsSync, statSync} from 'node:fs';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';

/** What stands at the root of a source, to notice when it is something else. */
export type Mount = {
  device: bigint;
  inode: bigint;
  /** The number of the type of file system, as `statfs` tells it. */
  type: number;
  /** What is mounted (`server:/export`); undefined when the system does not tell. */
  origin: string | undefined;
};

/**
 * How a root compares with the one that was opened. `again`: another directory, but of the same storage, as after it was
 * unmounted and mounted again (which gives a network file system another device number).
 */
export type MountState = {is: 'same'} | {is: 'again'} | {is: 'unusable'; reason: string};

/** Throws SOURCE_UNUSABLE when there is no directory. */
export function mountOf(path: string): Mount {
  let stats: BigIntStats;
  try {
    stats = statSync(path, {bigint: true});
  } catch (cause) {
    throw unusable(path, systemErrorCode(cause) ?? String(cause));
  }
  if (!stats.isDirectory()) throw unusable(path, 'ENOTDIR');
  return {device: stats.dev, inode: stats.ino, type: statfsSync(path).type, origin: originOf(stats.dev)};
}

export function unusable(path: string, code: string): FustorError {
  const reasons: Record<string, string> = {
    ENOENT: 'it does not exist',
    ENOTDIR: 'it is not a directory',
    EACCES: 'this user may not read it',
  };
  return new FustorError('SOURCE_UNUSABLE', `Cannot observe ${path}: ${reasons[code] ?? code}.`, {
    hint: 'Check "path" of the source, and that the storage is mounted.',
  });
}

/** `hadEntries`: an empty directory in its place is not believed to be it. */
export function mountState(path: string, {opened, hadEntries}: {opened: Mount; hadEntries: boolean}): MountState {
  try {
    const found = mountOf(path);
    if (found.device === opened.device && found.inode === opened.inode) return {is: 'same'};
    const isSameOrigin = opened.origin !== undefined && found.origin === opened.origin;
    if (found.type !== opened.type || (found.device !== opened.device && !isSameOrigin)) {
      return {is: 'unusable', reason: `${path} is another file system than when it was opened`};
    }
    if (hadEntries && isEmpty(path)) return {is: 'unusable', reason: `${path} is another directory, and empty`};
    return {is: 'again'};
  } catch (error) {
    return {is: 'unusable', reason: error instanceof Error ? error.message : String(error)};
  }
}

/** The name of an error that says that nothing is there (any more). */
export function isGone(error: string): boolean {
  return error === 'ENOENT' || error === 'ENOTDIR';
}

function isEmpty(path: string): boolean {
  const directory = opendirSync(path);
  try {
    return directory.readSync() === null;
  } finally {
    directory.closeSync();
  }
}

/** From `/proc/self/mountinfo`: `36 35 98:0 /root /mnt options optional… - type origin options`. */
function originOf(device: bigint): string | undefined {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  let mounts: string;
  try {
    mounts = readFileSync('/proc/self/mountinfo', 'latin1');
  } catch {
    return undefined;
  }
  const line = mounts.split('\n').find(text => text.split(' ', 3)[2] === `${major}:${minor}`);
  return line?.split(' - ')[1]?.split(' ')[1];
}
