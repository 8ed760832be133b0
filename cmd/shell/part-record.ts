import {mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';

/** What a shell notes of a process that it started, for the next shell. */
export type PartRecord = {
  name: string;
  pid: number;
  /** Ticks since boot. */
  startTime: string;
  /** Wall time in milliseconds. */
  startedAt: number;
  /** Of the configuration and the executable that it was started with. */
  hash: string;
};

const suffix = '.pid';

/**
 * Whole or not at all, whenever the shell is killed; and on a full disk, where parts must start too: a symbolic link as short
 * as this (less than 60 bytes) stands in the directory of the file system and takes no block. It leads nowhere.
 */
export function writeRecord(runDirectory: string, {name, pid, startTime, startedAt, hash}: PartRecord): void {
  mkdirSync(runDirectory, {recursive: true, mode: 0o700});
  const link = join(runDirectory, name + suffix);
  rmSync(`${link}.new`, {force: true});
  symlinkSync([pid, startTime, startedAt.toString(36), hash].join(':'), `${link}.new`);
  renameSync(`${link}.new`, link);
}

/** Unless it is another process's by now. */
export function removeRecord(runDirectory: string, {name, pid}: Pick<PartRecord, 'name' | 'pid'>): void {
  const link = join(runDirectory, name + suffix);
  if (readRecord(link, name)?.pid === pid) rmSync(link, {force: true});
}

export function readRecords(runDirectory: string): PartRecord[] {
  mkdirSync(runDirectory, {recursive: true, mode: 0o700});
  return readdirSync(runDirectory)
    .filter(name => name.endsWith(suffix))
    .flatMap(name => readRecord(join(runDirectory, name), name.slice(0, -suffix.length)) ?? []);
}

function readRecord(link: string, name: string): PartRecord | undefined {
  try {
    const [pid, startTime, startedAt, hash] = readlinkSync(link).split(':') as [string, string, string, string];
    return {name, pid: Number(pid), startTime, startedAt: Number.parseInt(startedAt, 36), hash};
  } catch {
    return undefined; // gone, or no record
  }
}
