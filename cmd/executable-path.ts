import {realpathSync} from 'node:fs';
import {delimiter, join, resolve} from 'node:path';

/**
 * The name under which this process's executable was started, absolute. Behind it may be another file by now: a symbolic link
 * that leads to the new version, or a new file under the same name. `process.execPath` would follow the link once and for all.
 */
export const executablePath = startedAs();

function startedAs(): string {
  const {argv0, execPath} = process;
  const candidates = argv0.includes('/')
    ? [resolve(argv0)]
    : (process.env.PATH ?? '').split(delimiter).map(folder => resolve(join(folder, argv0)));
  // The name is whatever the parent has said: only a name that leads to what is running counts.
  return candidates.find(candidate => isSameFile(candidate, execPath)) ?? execPath;
}

function isSameFile(path: string, execPath: string): boolean {
  try {
    return realpathSync(path) === execPath;
  } catch {
    return false;
  }
}
