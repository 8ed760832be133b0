import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, mkdirSync, openSync, readFileSync} from 'node:fs';
import {until} from './until.ts';

/** Why nothing can be mounted here, for a test that is skipped and says so; undefined when it can. */
export const mountsMissing = whyNoMounts();
if (mountsMissing !== undefined) console.warn(`Cases on real mounts are skipped: ${mountsMissing}.`);

/**
 * A mount of a directory as a client of its own has it: what happens through another mount gives no event here, and names
 * and attributes may be as old as the caches. By bindfs; the caches are the kernel's.
 */
export class ClientMount {
  readonly path: string;
  readonly #storage: string;
  readonly #cacheS: number;
  #server: ChildProcess | undefined;
  /** Of earlier mounts too: one that was unmounted lives as long as somebody has a file of it open. */
  readonly #servers = new Set<ChildProcess>();

  /** `cacheS`: for how long names (also missing ones) and attributes are kept, in seconds. */
  constructor(storage: string, path: string, {cacheS = 0}: {cacheS?: number} = {}) {
    this.#storage = storage;
    this.path = path;
    this.#cacheS = cacheS;
  }

  async mount(): Promise<this> {
    this.#server = await this.#serve(this.#storage);
    return this;
  }

  /** Puts another file system over it, which `unmount` takes away: another storage, or an empty one. */
  async cover({storage}: {storage?: string} = {}): Promise<void> {
    if (storage === undefined) execFileSync('mount', ['-t', 'tmpfs', 'cover', this.path]);
    else await this.#serve(storage);
  }

  /** Takes the topmost mount away from its place. Files that are open go on working, as with `umount -l`. */
  unmount(): void {
    execFileSync('umount', ['--lazy', this.path]);
  }

  /** The server hangs: whoever asks it waits. */
  stop(): void {
    this.#server?.kill('SIGSTOP');
  }

  continue(): void {
    this.#server?.kill('SIGCONT');
  }

  /** The server dies: whoever asks gets ENOTCONN, until this is unmounted and mounted again. */
  async kill(): Promise<void> {
    await end(this.#server);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#servers].map(end));
    while (mountsAt(this.path) > 0) this.unmount();
  }

  async #serve(storage: string): Promise<ChildProcess> {
    mkdirSync(this.path, {recursive: true});
    const timeouts = ['attr', 'ac_attr', 'entry', 'negative'].map(cache => `${cache}_timeout=${this.#cacheS}`);
    // The storage's own inode numbers, as NFS has them; over another mount too.
    const options = ['nonempty', 'use_ino', ...timeouts].join(',');
    const before = mountsAt(this.path);
    const server = spawn('bindfs', ['-f', '-o', options, storage, this.path], {stdio: 'ignore'});
    this.#servers.add(server);
    server.once('exit', () => this.#servers.delete(server));
    await until(() => mountsAt(this.path) > before || server.exitCode !== null, {what: `a mount at ${this.path}`});
    if (server.exitCode !== null) throw new Error(`bindfs could not mount ${this.path}: exit ${server.exitCode}`);
    return server;
  }
}

async function end(server: ChildProcess | undefined): Promise<void> {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL');
  await exited;
}

/** How many file systems are mounted at a path, one over the other. Asks none of them. */
function mountsAt(path: string): number {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return mounts.filter(line => line.split(' ')[4] === path).length;
}

function whyNoMounts(): string | undefined {
  try {
    closeSync(openSync('/dev/fuse', 'r+'));
    execFileSync('bindfs', ['--version'], {stdio: 'ignore'});
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return process.getuid?.() === 0 ? undefined : 'only root may mount';
}
