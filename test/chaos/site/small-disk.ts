import {execFileSync} from 'node:child_process';
import {closeSync, mkdirSync, openSync, rmSync, writeSync} from 'node:fs';
import {join} from 'node:path';

/** Why there can be no small disk here, and so no site; undefined where there can. */
export function whyNoSmallDisk(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'only root may mount the small disk that is to be filled';
}

/** A file system of its own, in memory, that can be filled to the last byte and freed again. */
export class SmallDisk {
  readonly path: string;

  constructor(path: string, {mebibytes}: {mebibytes: number}) {
    this.path = path;
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'fustor-chaos', path]);
  }

  /** What others free meanwhile is taken by the next call. */
  fill(): void {
    const file = openSync(this.#filler, 'a');
    try {
      for (const piece of [Buffer.alloc(1 << 20), Buffer.alloc(4096)]) writeUntilFull(file, piece);
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#filler, {force: true});
  }

  /** What is on it, for when it is gone. */
  copyTo(folder: string): void {
    execFileSync('cp', ['--archive', '--sparse=always', this.path, folder]);
  }

  remove(): void {
    execFileSync('umount', ['--lazy', this.path]);
  }

  get #filler(): string {
    return join(this.path, 'filler');
  }
}

function writeUntilFull(file: number, piece: Buffer): void {
  for (;;) {
    try {
      if (writeSync(file, piece) < piece.length) return;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return;
      throw error;
    }
  }
}
