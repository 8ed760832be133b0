import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {until} from './until.ts';

/** Why FUSE mounts cannot be made here; undefined where they can. */
export function whyNoBindfs(): string | undefined {
  if (!existsSync('/dev/fuse')) return '/dev/fuse is missing';
  if (!existsSync('/usr/bin/bindfs')) return 'bindfs is not installed (build/install-debian.sh does it)';
  return process.getuid!() === 0 ? undefined : 'only root may mount';
}

/**
 * A directory seen through a second mount: what is changed in the directory itself gives no event on the mount, as with another
 * NFS client. Attributes and names are not cached unless the options say so. Its process is the server: it can be stopped and killed.
 */
export class Bindfs {
  readonly mountPoint: string;
  readonly #directory: string;
  readonly #options: string;
  #server: ChildProcess | undefined;

  constructor(directory: string, mountPoint: string, options = 'attr_timeout=0,entry_timeout=0') {
    this.#directory = directory;
    this.mountPoint = mountPoint;
    this.#options = options;
    mkdirSync(mountPoint, {recursive: true});
  }

  async mount(): Promise<this> {
    const server = spawn('/usr/bin/bindfs', ['-f', '-o', this.#options, this.#directory, this.mountPoint], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#server = server;
    await until(() => server.exitCode === null && isMounted(this.mountPoint), {what: `the mount ${this.mountPoint}`});
    return this;
  }

  /** The server stops answering: every call hangs. */
  hang(): void {
    this.#server!.kill('SIGSTOP');
  }

  resume(): void {
    this.#server!.kill('SIGCONT');
  }

  /** The server is gone, the mount is still there: every call fails with ENOTCONN. */
  async kill(): Promise<void> {
    const server = this.#server!;
    server.kill('SIGKILL');
    await until(() => server.exitCode !== null || server.signalCode !== null, {what: 'the end of bindfs'});
  }

  /** As an administrator does it; throws when the mount is busy. */
  unmount(): void {
    execFileSync('fusermount3', ['-u', this.mountPoint], {stdio: ['ignore', 'ignore', 'pipe']});
  }

  /** Whatever state it is in, the mount and its server are gone afterwards. */
  async remove(): Promise<void> {
    const server = this.#server;
    if (isMounted(this.mountPoint)) execFileSync('fusermount3', ['-u', '-z', this.mountPoint]);
    if (server && server.exitCode === null && server.signalCode === null) await this.kill();
  }
}

/** Asks the system, not the mount, which may hang. */
export function isMounted(path: string): boolean {
  const mounts = readFileSync('/proc/self/mountinfo', 'latin1').split('\n');
  return mounts.some(line => line.split(' ')[4] === path);
}

/** A directory and a mount of it, side by side below a folder. */
export async function mountBindfs(folder: string, options?: string): Promise<{directory: string; mount: Bindfs}> {
  const directory = join(folder, 'storage');
  mkdirSync(directory);
  return {directory, mount: await new Bindfs(directory, join(folder, 'mount'), options).mount()};
}
