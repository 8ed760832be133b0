import {type ChildProcess, spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {accessSync, constants, cpSync, existsSync, mkdirSync, readdirSync, readFileSync} from 'node:fs';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {root} from '../../build/target.ts';

/**
 * The rig: a folder with `build.sh`, `vm.py` and `run.sh` that boots a virtual machine with a kernel NFS server and real
 * clients (its own README.md tells more). It is no part of this project. It is built once, in a cache folder, and again
 * when its files change; a folder that is built and may be written to is used as it is.
 */

/** What the rig's README.md asks for, by command and Debian package. */
const tools = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  debootstrap: 'debootstrap',
  busybox: 'busybox-static',
  cpio: 'cpio',
  modprobe: 'kmod',
  flock: 'util-linux',
  python3: 'python3',
};
const buildFiles = ['build.sh', 'vm.py', 'run.sh', 'guest'];

export class NoRig extends Error {}

/** The folder of a rig that is ready. Throws NoRig, with the reason, where there is none or it cannot be built. */
export async function prepareRig(): Promise<string> {
  const source = process.env.FUSTOR_NFS_RIG ?? join(root, '../shared/nfs-rig');
  if (!existsSync(join(source, 'run.sh'))) {
    throw new NoRig(`there is no NFS rig in ${source}; FUSTOR_NFS_RIG names the folder of one`);
  }
  if (isReady(source)) return source;
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = join(cache, 'fustor', `nfs-rig-${fingerprint(source)}`);
  if (!isReady(folder)) await build(source, folder);
  return folder;
}

/** Runs a script with files beside it in the virtual machine. What the script leaves in `$OUT` is in `folder/out` then. */
export function runInRig(
  rig: string,
  {folder, files, timeoutS}: {folder: string; files: string[]; timeoutS: number},
): ChildProcess {
  return spawn(join(rig, 'run.sh'), files, {
    cwd: folder,
    env: {...process.env, TIMEOUT: String(timeoutS)},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function isReady(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return existsSync(join(folder, 'state/ok'));
  } catch {
    return false;
  }
}

async function build(source: string, folder: string): Promise<void> {
  if (process.getuid?.() !== 0) throw new NoRig(`only root can build the NFS rig of ${source}`);
  await installTools();
  console.log(`Building the NFS rig in ${folder}: once, some minutes, 1 GB`);
  mkdirSync(folder, {recursive: true});
  for (const name of buildFiles) cpSync(join(source, name), join(folder, name), {recursive: true});
  // Somebody else who needs it now builds it in the same place: one of the two finds it ready.
  const script = 'chmod -R u+w . && { test -e state/ok || { ./build.sh && ./vm.py snap; }; } >build.log 2>&1';
  if ((await exitCode('flock', [join(folder, 'run.sh'), 'sh', '-c', script], folder)) !== 0 || !isReady(folder)) {
    throw new NoRig(`the NFS rig cannot be built; ${folder}/build.log tells why`);
  }
}

/** On a machine that only checks, as `build/install-debian.sh` does; elsewhere it is left to whoever owns the machine. */
async function installTools(): Promise<void> {
  const missing = Object.entries(tools).filter(([command]) => !isCommand(command));
  if (missing.length === 0) return;
  const packages = missing.map(([, name]) => name).join(' ');
  const install = `apt-get update -q && apt-get install -q -y --no-install-recommends ${packages}`;
  if (!process.env.CI || !isCommand('apt-get')) {
    throw new NoRig(`building the NFS rig needs ${missing.map(([command]) => command).join(', ')}: ${install}`);
  }
  if (
    (await exitCode('sh', ['-c', `DEBIAN_FRONTEND=noninteractive; export DEBIAN_FRONTEND; ${install}`], root)) !== 0
  ) {
    throw new NoRig(`what the NFS rig needs cannot be installed: ${packages}`);
  }
}

function isCommand(name: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some(folder => existsSync(join(folder, name)));
}

async function exitCode(command: string, args: string[], cwd: string): Promise<number | null> {
  const [code] = await once(spawn(command, args, {cwd, stdio: ['ignore', 'inherit', 'inherit']}), 'exit');
  return code;
}

function fingerprint(folder: string): string {
  const hash = createHash('sha256');
  for (const name of buildFiles) {
    const path = join(folder, name);
    const files =
      name === 'guest'
        ? readdirSync(path)
            .sort()
            .map(file => join(path, file))
        : [path];
    for (const file of files) hash.update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex').slice(0, 12);
}
