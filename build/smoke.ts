import {execFile} from 'node:child_process';
import {chmod, copyFile, mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {promisify} from 'node:util';
import {version} from '../cmd/version.ts';
import type {Target} from './target.ts';

/** Time from exec to the end of `--version` that we promise. */
const startMsMax = 150;
/** So many times as long as Node alone takes here and now is not slow. */
const startsOfNodeMax = 3;
const startsMax = 25;

/**
 * Runs a fresh executable as a host might that is nothing like this one: alone in a read-only directory, with no
 * environment (no `PATH`, no `HOME`), and as a user without rights when we may change to one. Rejects when anything
 * fails, prints to stderr, or starts too slowly. An executable of another architecture runs in an emulator.
 */
export async function smoke(target: Target, executable: string): Promise<{startMs: number}> {
  const directory = await mkdtemp(join(tmpdir(), 'fustor-smoke-'));
  const alone = join(directory, basename(executable));
  try {
    await copyFile(executable, alone);
    await chmod(alone, 0o555);
    await chmod(directory, 0o555);

    const start = async (args: string[]): Promise<{output: string; ms: number}> => {
      const startedAt = performance.now();
      const output = await runInAdversity(target, alone, args);
      return {output, ms: performance.now() - startedAt};
    };

    const starts = [await start(['--version']), await start(['--version']), await start(['--version'])];
    // A busy machine is not a slow executable: the best of some starts counts, beside one of Node alone.
    const bare = [await bareStartMs()];
    const limitMs = () => Math.max(startMsMax, startsOfNodeMax * Math.min(...bare));
    const isSlow = () => target.emulator.length === 0 && starts.every(({ms}) => ms > limitMs());
    while (isSlow() && starts.length < startsMax) {
      starts.push(await start(['--version']));
      bare.push(await bareStartMs());
    }
    const expected = `${basename(executable)} ${version}\n`;
    for (const {output} of starts) {
      if (output !== expected)
        throw new Error(`--version printed ${JSON.stringify(output)}, not ${JSON.stringify(expected)}.`);
    }
    const startMs = Math.min(...starts.map(({ms}) => ms));
    if (isSlow()) {
      throw new Error(`--version took ${startMs.toFixed()} ms, promised are ${limitMs().toFixed()}.`);
    }

    JSON.parse((await start(['self-check'])).output);
    await refuses(start(['no-such-command']));
    return {startMs};
  } catch (error) {
    throw new Error(`${executable} does not work: ${error instanceof Error ? error.message : error}`);
  } finally {
    await chmod(directory, 0o755);
    await rm(directory, {recursive: true});
  }
}

async function bareStartMs(): Promise<number> {
  const startedAt = performance.now();
  await promisify(execFile)(process.execPath, ['-e', '0']);
  return performance.now() - startedAt;
}

const nobody = {uid: 65534, gid: 65534};

async function runInAdversity({emulator}: Target, executable: string, args: string[]): Promise<string> {
  const [command, ...rest] = [...emulator, executable, ...args];
  const {stdout, stderr} = await promisify(execFile)(command!, rest, {
    // The emulator itself must still be found.
    env: emulator.length === 0 ? {} : {PATH: process.env.PATH},
    cwd: '/',
    timeout: 60_000,
    ...(process.getuid?.() === 0 ? nobody : {}),
  });
  if (stderr !== '') throw new Error(`"${args.join(' ')}" said on stderr: ${stderr}`);
  return stdout;
}

/** An executable that took a wrong command for a right one could start itself without end. */
async function refuses(attempt: Promise<unknown>): Promise<void> {
  const exitCode = await attempt.then(
    () => 0,
    error => error.code,
  );
  if (exitCode !== 2) throw new Error(`An unknown command ended with exit code ${exitCode}, wanted 2.`);
}
