import {spawnSync} from 'node:child_process';
import {existsSync, globSync, mkdirSync, renameSync, rmSync} from 'node:fs';
import {homedir} from 'node:os';
import {join} from 'node:path';

/** Debian packages, with what they need beside them, and where the program is in them. */
const programs = {
  gdu: {packages: ['gdu'], path: 'usr/bin/gdu'},
  bfs: {packages: ['bfs', 'liburing2', 'libonig5'], path: 'usr/bin/bfs'},
  plocate: {packages: ['plocate', 'liburing2'], path: 'usr/bin/plocate'},
  updatedb: {packages: ['plocate', 'liburing2'], path: 'usr/sbin/updatedb.plocate'},
} as const;

export type RivalName = keyof typeof programs;

/** What Fustor is measured against, unpacked into a folder of its own: nothing is installed on the machine, no root needed. */
export class Rivals {
  readonly #folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'fustor-bench');

  /** Undefined where it cannot be had; the reason is on stderr. */
  async path(name: RivalName): Promise<string | undefined> {
    const {packages, path} = programs[name];
    const target = join(this.#folder, packages[0]);
    if (!existsSync(target)) this.#unpack(packages, target);
    const found = join(target, path);
    return existsSync(found) ? found : undefined;
  }

  #unpack(packages: readonly string[], target: string): void {
    const making = `${target}.${process.pid}`;
    mkdirSync(making, {recursive: true});
    const download = spawnSync('apt-get', ['download', ...packages], {cwd: making, encoding: 'utf8'});
    const debs = globSync('*.deb', {cwd: making});
    if (download.status !== 0 || debs.length === 0) {
      console.error(
        `  (no ${packages[0]}: apt-get download failed: ${(download.stderr ?? '').trim().split('\n').at(-1)})`,
      );
      rmSync(making, {recursive: true});
      return;
    }
    for (const deb of debs) spawnSync('dpkg', ['-x', deb, '.'], {cwd: making, stdio: 'inherit'});
    renameSync(making, target);
  }
}
