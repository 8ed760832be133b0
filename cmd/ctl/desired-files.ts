import {readdirSync, readFileSync, statSync} from 'node:fs';
import {basename, join, relative, sep} from 'node:path';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';

/** By path in the desired state. */
export type DesiredFiles = Record<string, string>;

/** More than that is some other folder. */
const filesMax = 10_000;

export type Given = {
  files: DesiredFiles;
  /** A folder: what it does not have can be meant to go. */
  isFolder: boolean;
};

/**
 * The files that `-f` means: all `*.yaml` and `*.yml` of a folder and the folders in it, by their paths in it, without those
 * whose names begin with a dot; one file, by its base name or by `as`; or stdin, by `as`. Throws USAGE.
 */
export function readDesiredFiles(from: string, {as, stdin}: {as: string | undefined; stdin: () => string}): Given {
  if (from === '-') {
    if (as === undefined) throw new FustorError('USAGE', 'What comes from stdin needs a path: give --as PATH.');
    return {files: {[as]: stdin()}, isFolder: false};
  }
  const isFolder = readable(from, () => statSync(from).isDirectory());
  if (!isFolder) return {files: {[as ?? basename(from)]: readText(from)}, isFolder};
  if (as !== undefined) throw new FustorError('USAGE', '--as is for one file; those of a folder keep their paths.');
  const paths = yamlFilesBelow(from);
  if (paths.length === 0) throw new FustorError('USAGE', `There is no *.yaml and no *.yml in ${from}.`);
  const files = paths.map(path => [relative(from, path).split(sep).join('/'), readText(path)]);
  return {files: Object.fromEntries(files), isFolder};
}

function yamlFilesBelow(folder: string): string[] {
  const found = readable(folder, () => readdirSync(folder, {withFileTypes: true}))
    .filter(({name}) => !name.startsWith('.'))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(entry => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return yamlFilesBelow(path);
      return /\.ya?ml$/.test(entry.name) && statSync(path).isFile() ? [path] : [];
    });
  if (found.length > filesMax) throw new FustorError('USAGE', `There are more than ${filesMax} files in ${folder}.`);
  return found;
}

function readText(path: string): string {
  const bytes = readable(path, () => readFileSync(path));
  try {
    return new TextDecoder('utf-8', {fatal: true}).decode(bytes);
  } catch (cause) {
    throw new FustorError('CONFIG_INVALID', `${path} is not a text in UTF-8.`, {cause});
  }
}

function readable<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const reason = systemErrorCode(cause) === 'ENOENT' ? 'it does not exist' : (cause as Error).message;
    throw new FustorError('USAGE', `Cannot read ${path}: ${reason}.`, {cause});
  }
}
