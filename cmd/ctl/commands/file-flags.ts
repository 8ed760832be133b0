import {resolve} from 'node:path';
import type {Command} from 'commander';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {type DesiredFiles, readDesiredFiles} from '../desired-files.ts';
import {type Current, readCurrent, validateFiles} from '../desired-state.ts';
import type {VerbCall} from '../verb.ts';

export type FileFlags = {file: string; as?: string; prune?: boolean};

export function declareFiles(command: Command): Command {
  return command
    .requiredOption('-f, --file <path>', 'a folder with *.yaml, one file, or - for stdin')
    .option(
      '--as <path>',
      'where one file stands in the desired state; else as one there that its path ends with, else its base name',
    )
    .option('--prune', 'what the folder does not have goes');
}

export type GivenFiles = {
  files: DesiredFiles;
  prune: boolean;
  /** What is in force, and what would be. */
  current: Current;
  wanted: DesiredFiles;
};

/** The files that are meant, after looking at what the desired state would be with them. Nothing has been sent. */
export async function givenFiles({
  flags,
  control,
  io,
}: Pick<VerbCall<FileFlags>, 'flags' | 'control' | 'io'>): Promise<GivenFiles> {
  const read = (as = flags.as) => readDesiredFiles(flags.file, {as, stdin: () => io.readInput?.() ?? ''});
  const given = read();
  const prune = flags.prune === true;
  if (prune && !given.isFolder)
    throw new FustorError('USAGE', '--prune needs a folder: with one file all others would go.');
  const current = await readCurrent(control);
  const isNamed = given.isFolder || flags.as !== undefined;
  const {files} = isNamed ? given : read(pathLike(flags.file, Object.keys(current.files)));
  const wanted = prune ? files : {...current.files, ...files};
  validateFiles(wanted);
  return {files, prune, current, wanted};
}

/** `clone/agents/node-a.yaml` is the file `agents/node-a.yaml` of the desired state, where it has one. */
function pathLike(file: string, paths: string[]): string | undefined {
  const full = resolve(file);
  return paths.filter(path => full.endsWith(`/${path}`)).sort((a, b) => b.length - a.length)[0];
}
