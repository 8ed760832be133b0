import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readFileSync, renameSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import {buildLmdbAddon} from '../../../build/lmdb-addon.ts';
import {targets} from '../../../build/target.ts';

const source = join(import.meta.dirname, 'shim.c');
const cache = join(import.meta.dirname, '../../../node_modules/.cache/fustor');

/** The library that counts, logs and fails the calls of a process that writes to a store, compiled when it is not there yet. */
export function faultsLibrary(): string {
  const library = join(
    cache,
    `store-faults-${createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)}.so`,
  );
  if (existsSync(library)) return library;
  mkdirSync(cache, {recursive: true});
  const unfinished = `${library}.${process.pid}`;
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Wextra', '-Werror', '-o', unfinished, source, '-ldl']);
  renameSync(unfinished, library);
  return library;
}

/** The environment of a process whose calls on files that begin with `file` are counted. */
export function faultsEnvironment(
  file: string,
  {log, kill}: {log?: string; kill?: {when: 'before' | 'torn' | 'after'; call: number}} = {},
): NodeJS.ProcessEnv {
  const library = faultsLibrary();
  return {
    ...process.env,
    LD_PRELOAD: library,
    FUSTOR_FAULTS_LIBRARY: library,
    FUSTOR_FAULTS_FILE: file,
    ...(log !== undefined && {FUSTOR_FAULTS_LOG: log}),
    ...(kill && {FUSTOR_FAULTS_KILL: `${kill.when} ${kill.call}`}),
  };
}

/**
 * What lets a process use the LMDB that is in the executables, which differs from the one that npm brings in how it fails:
 * `corrections` in `build/lmdb-addon.ts`. Compiled when it is not there yet.
 */
export async function useShippedLmdb(folder: string): Promise<NodeJS.ProcessEnv> {
  const release = join(folder, 'lmdb/build/Release');
  mkdirSync(release, {recursive: true});
  symlinkSync(await buildLmdbAddon(targets.x64), join(release, 'lmdb.node'));
  return {LMDB_PREBUILD: join(folder, 'lmdb')};
}
