import {spawnSync} from 'node:child_process';
import {existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {homedir} from 'node:os';
import {basename, join} from 'node:path';

/**
 * The programs of others. From Debian: packages of the release that the machine runs, with the libraries that not every machine has.
 * From npm: one version. `path` is the program's, or the module's, below what was unpacked.
 */
const programs = {
  gdu: {debian: ['gdu'], path: 'usr/bin/gdu'},
  bfs: {debian: ['bfs', 'libonig5'], path: 'usr/bin/bfs'},
  plocate: {debian: ['plocate', 'liburing2'], path: 'usr/bin/plocate'},
  updatedb: {debian: ['plocate', 'liburing2'], path: 'usr/sbin/updatedb.plocate'},
  watchman: {debian: ['watchman', 'libpcre3'], path: 'usr/bin/watchman'},
  parcelWatcher: {npm: '@parcel/watcher', version: '2.6.0', path: 'node_modules/@parcel/watcher/index.js'},
  patchelf: {debian: ['patchelf'], path: 'usr/bin/patchelf'},
} as const;

export type RivalName = Exclude<keyof typeof programs, 'patchelf'>;
type DebianProgram = {debian: readonly string[]; path: string};
type NpmModule = {npm: string; version: string; path: string};

const versionFile = 'version';

/** What Fustor is measured against, in a folder of its own: nothing is installed on the machine, no root needed. */
export class Rivals {
  readonly #folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'fustor-bench');
  readonly #refused = new Set<string>();

  /** Undefined where it cannot be had; the reason is told once. It finds its libraries by itself, whatever the environment. */
  async path(name: keyof typeof programs): Promise<string | undefined> {
    const program: DebianProgram | NpmModule = programs[name];
    const target = this.#targetOf(name);
    if (!existsSync(join(target, versionFile)) && !this.#refused.has(target)) {
      try {
        await ('npm' in program ? this.#install(program, target) : this.#unpack(program, target));
      } catch (error) {
        this.#refused.add(target);
        console.log(`  (without ${name}: ${(error as Error).message})`);
      }
    }
    const path = join(target, program.path);
    return existsSync(path) ? path : undefined;
  }

  /** Of what `path` found. */
  version(name: RivalName): string {
    return readFileSync(join(this.#targetOf(name), versionFile), 'utf8');
  }

  #targetOf(name: keyof typeof programs): string {
    const program: DebianProgram | NpmModule = programs[name];
    return join(this.#folder, 'npm' in program ? `${name}-${program.version}` : program.debian.join('+'));
  }

  async #unpack({debian}: DebianProgram, target: string): Promise<void> {
    // Found before the folder is made: it is itself one of these programs.
    const patchelf = debian.length > 1 ? await this.path('patchelf') : undefined;
    if (debian.length > 1 && patchelf === undefined)
      throw new Error('no patchelf, which tells it where its libraries are');
    this.#make(target, making => {
      run('apt-get', ['-o', 'Acquire::Retries=0', 'download', ...debian], making);
      const packages = globSync('*.deb', {cwd: making});
      for (const file of packages) run('dpkg', ['-x', file, '.'], making);
      for (const file of packages) rmSync(join(making, file));
      if (patchelf !== undefined) tellLibraries(making, patchelf);
      return packages.find(file => file.startsWith(`${debian[0]}_`))!.split('_')[1]!;
    });
  }

  #install({npm, version}: NpmModule, target: string): void {
    this.#make(target, making => {
      writeFileSync(join(making, 'package.json'), '{}');
      // What `npm run` is run by, where it is.
      const client = process.env.npm_execpath;
      const args = [
        'install',
        '--no-audit',
        '--no-fund',
        '--ignore-scripts',
        '--fetch-retries=0',
        '--save-exact',
        `${npm}@${version}`,
      ];
      if (client === undefined) run('npm', args, making);
      else run(process.execPath, [client, ...args], making);
      return version;
    });
  }

  /** A folder is there whole or not at all. `fill` says which version it is. */
  #make(target: string, fill: (making: string) => string): void {
    const making = join(this.#folder, `making-${process.pid}`);
    mkdirSync(making, {recursive: true});
    try {
      writeFileSync(join(making, versionFile), fill(making));
      rmSync(target, {recursive: true, force: true});
      renameSync(making, target);
    } finally {
      rmSync(making, {recursive: true, force: true});
    }
  }
}

/** A search path in the program itself: an environment for it would be one for all that it starts, too, and is lost behind a shell. */
function tellLibraries(folder: string, patchelf: string): void {
  const libraries = globSync('{lib,usr/lib}/*-linux-gnu', {cwd: folder}).map(path => `$ORIGIN/../../${path}`);
  for (const directory of ['usr/bin', 'usr/sbin'].map(path => join(folder, path)).filter(path => existsSync(path))) {
    for (const entry of readdirSync(directory, {withFileTypes: true})) {
      if (!entry.isFile() || !isElf(join(directory, entry.name))) continue;
      run(patchelf, ['--set-rpath', libraries.join(':'), join(directory, entry.name)], folder);
    }
  }
}

function isElf(path: string): boolean {
  return readFileSync(path).subarray(0, 4).toString('latin1') === '\x7fELF';
}

function run(program: string, args: string[], cwd: string): void {
  const {status, error, stderr} = spawnSync(program, args, {cwd, encoding: 'utf8', timeout: 120_000});
  if (status === 0) return;
  const said = stderr
    ?.trim()
    .split('\n')
    .filter(line => !/^npm (warn|notice)/.test(line));
  const reason = error?.message ?? said?.at(-1) ?? 'it said nothing';
  throw new Error(`${basename(program)} ${args[0]} failed: ${reason}`);
}
