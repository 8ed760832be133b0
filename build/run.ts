import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import type {Target} from './target.ts';

const execFileAsync = promisify(execFile);

/** Runs a command to its end and returns what it printed; rejects with what it said on stderr. */
export async function run(command: string, args: string[], options: {cwd?: string} = {}): Promise<string> {
  const {stdout} = await execFileAsync(command, args, {...options, maxBuffer: 64 << 20});
  return stdout;
}

/** Runs a compiler or one of the binutils of a target. */
export async function runTool(
  target: Target,
  tool: string,
  args: string[],
  options: {cwd?: string} = {},
): Promise<string> {
  const command = target.toolPrefix + tool;
  try {
    return await run(command, args, options);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    const hint = `Install it with "apt-get install ${target.toolPackages.join(' ')}" or run build/install-debian.sh.`;
    throw new Error(`The build needs ${command}, which is not on this machine. ${hint}`, {cause: error});
  }
}
