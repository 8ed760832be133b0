import {mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
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

/** Whole or not at all, whenever the shell is killed. */
export function writeRecord(runDirectory: string, record: PartRecord): void {
  mkdirSync(runDirectory, {recursive: true, mode: 0o700});
  const file = join(runDirectory, record.name + suffix);
  writeFileSync(`${file}.new`, JSON.stringify(record), {mode: 0o600});
  renameSync(`${file}.new`, file);
}

/** Unless it is another process's by now. */
export function removeRecord(runDirectory: string, {name, pid}: Pick<PartRecord, 'name' | 'pid'>): void {
  const file = join(runDirectory, name + suffix);
  if (readRecord(file, name)?.pid === pid) rmSync(file, {force: true});
}

export function readRecords(runDirectory: string): PartRecord[] {
  mkdirSync(runDirectory, {recursive: true, mode: 0o700});
  return readdirSync(runDirectory)
    .filter(name => name.endsWith(suffix))
    .flatMap(name => readRecord(join(runDirectory, name), name.slice(0, -suffix.length)) ?? []);
}

function readRecord(file: string, name: string): PartRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(file, 'utf8')) as PartRecord;
    return {...record, name, hash: record.hash ?? ''};
  } catch {
    return undefined; // gone, or of a file system that lost it
  }
}
