import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readFileSync, renameSync} from 'node:fs';
import {join} from 'node:path';
import {cacheDirectory} from '../../../build/target.ts';

const source = join(import.meta.dirname, 'shim.c');

/** The library that counts, logs and fails the calls of a process that writes to a store, compiled when it is not there yet. */
export function faultsLibrary(): string {
  const library = join(
    cacheDirectory,
    `store-faults-${createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)}.so`,
  );
  if (existsSync(library)) return library;
  mkdirSync(cacheDirectory, {recursive: true});
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
