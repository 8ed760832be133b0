import {spawnSync} from 'node:child_process';

/** What a program prints. Throws when it fails. */
export function outputOf(program: string, args: readonly string[]): string {
  const {status, stdout, stderr, error} = spawnSync(program, args, {encoding: 'utf8', maxBuffer: 2 ** 28});
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`);
  return stdout;
}

/**
 * Milliseconds of one run, its start included: of `times` runs that a small shell starts one after another, because starting a
 * program from this process takes longer than some programs.
 */
export function msOfRun(program: string, args: readonly string[], times: number): number {
  const script = 'n=$1; shift; while [ "$n" -gt 0 ]; do "$@" >/dev/null || exit 1; n=$((n - 1)); done';
  const startedAt = performance.now();
  outputOf('/bin/sh', ['-c', script, 'sh', String(times), program, ...args]);
  return (performance.now() - startedAt) / times;
}
