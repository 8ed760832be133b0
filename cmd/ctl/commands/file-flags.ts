import type {Command} from 'commander';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {type DesiredFiles, readDesiredFiles} from '../desired-files.ts';
import {type Current, readCurrent, validateFiles} from '../desired-state.ts';
import type {VerbCall} from '../verb.ts';

export type FileFlags = {file: string; as?: string; prune?: boolean};

export function declareFiles(command: Command): Command {
  return command
    .requiredOption('-f, --file <path>', 'a folder with *.yaml, one file, or - for stdin')
    .option('--as <path>', 'where one file stands in the desired state; else its base name')
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
  const {files, isFolder} = readDesiredFiles(flags.file, {as: flags.as, stdin: () => io.readInput?.() ?? ''});
  const prune = flags.prune === true;
  if (prune && !isFolder) throw new FustorError('USAGE', '--prune needs a folder: with one file all others would go.');
  const current = await readCurrent(control);
  const wanted = prune ? files : {...current.files, ...files};
  validateFiles(wanted);
  return {files, prune, current, wanted};
}
