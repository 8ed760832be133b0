import {spawnSync} from 'node:child_process';
import {mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {say} from './elapsed.ts';

/** ext4 has no more inodes than one for each block. */
const imageBytesAFile = 6_000;
const imageBytesMin = 2 ** 30;

/**
 * A folder for millions of files. As root it is a file system of its own, in a sparse file: making files in a new one takes a
 * third of the time, deleting all of them none, and ext4 looks for a free inode for minutes where many were just deleted. Where
 * that is not allowed it is a plain folder.
 */
export class ScratchDisk {
  readonly path: string;
  readonly #image: string | undefined;

  private constructor(path: string, image: string | undefined) {
    this.path = path;
    this.#image = image;
  }

  static make(parent: string, name: string, files: number): ScratchDisk {
    const path = join(parent, name);
    mkdirSync(path);
    const image = `${path}.img`;
    const inodes = Math.ceil(files * 1.1) + 10_000;
    const ext4 = ['-q', '-F', '-O', '^has_journal', '-E', 'lazy_itable_init=1,nodiscard', '-N', String(inodes), image];
    writeFileSync(image, '');
    truncateSync(image, Math.max(imageBytesMin, inodes * imageBytesAFile));
    if (succeeds('mkfs.ext4', ext4) && succeeds('mount', ['-o', 'loop,noatime,noinit_itable', image, path])) {
      return new ScratchDisk(path, image);
    }
    rmSync(image);
    say(`  ${name}: a plain folder, because a file system of its own needs root, mkfs.ext4 and a loop device`);
    return new ScratchDisk(path, undefined);
  }

  dispose(): void {
    if (this.#image !== undefined && !succeeds('umount', [this.path])) {
      throw new Error(`${this.path} cannot be unmounted: something still has it open.`);
    }
    rmSync(this.path, {recursive: true});
    if (this.#image !== undefined) rmSync(this.#image);
  }
}

/** What a process that was killed could not unmount: before its folder is removed. */
export function unmountBelow(folder: string): void {
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const path = line.split(' ')[1] ?? '';
    if (path.startsWith(`${folder}/`)) succeeds('umount', ['--lazy', path]);
  }
}

function succeeds(program: string, args: string[]): boolean {
  return spawnSync(program, args, {env: {...process.env, PATH: `${process.env.PATH}:/sbin:/usr/sbin`}}).status === 0;
}
