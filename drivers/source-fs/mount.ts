import {type BigIntStats, closeSync, opendirSync, openSync, readFileSync, statfsSync, statSync} from 'node:fs';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';

/** What stands at the root of a source, to notice when it is something else. */
export type Mount = {
  device: bigint;
  inode: bigint;
  /** The number of the type of file system, as `statfs` tells it. */
  type: number;
  /** What is mounted (`server:/export`); undefined when the system does not tell, or tells nothing of use (`tmpfs`). */
  origin: string | undefined;
  /** The number of the mount: another one after it was unmounted and mounted again. Undefined when the system does not tell. */
  mountId: string | undefined;
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
  const mountId = mountIdOf(path);
  return {device: stats.dev, inode: stats.ino, type: statfsSync(path).type, origin: originOf(mountId), mountId};
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
    const isSameDirectory = found.device === opened.device && found.inode === opened.inode;
    if (isSameDirectory && found.mountId === opened.mountId) return {is: 'same'};
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

/** A path that is only named, not opened: the storage is not asked. */
const openPath = 0o10000000;

function mountIdOf(path: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const descriptor = openSync(path, openPath);
  try {
    return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
  } catch {
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** From `/proc/self/mountinfo`: `36 35 98:0 /root /mnt options optional… - type origin options`. */
function originOf(mountId: string | undefined): string | undefined {
  if (mountId === undefined) return undefined;
  let mounts: string;
  try {
    mounts = readFileSync('/proc/self/mountinfo', 'latin1');
  } catch {
    return undefined;
  }
  const line = mounts.split('\n').find(text => text.startsWith(`${mountId} `));
  const origin = line?.split(' - ')[1]?.split(' ')[1];
  return origin !== undefined && /[/:]/.test(origin) ? origin : undefined;
}
