import {type Stats, statfsSync, statSync} from 'node:fs';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';

/** What is mounted at the root of a source, to notice when it is something else. Throws SOURCE_UNUSABLE. */
export type Mount = {device: number; type: number};

export function mountOf(path: string): Mount {
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch (cause) {
    throw unusable(path, systemErrorCode(cause) ?? String(cause));
  }
  if (!stats.isDirectory()) throw unusable(path, 'ENOTDIR');
  return {device: stats.dev, type: statfsSync(path).type};
}

export function unusable(path: string, code: string): FustorError {
  const reasons: Record<string, string> = {
    ENOENT: 'it does not exist',
    ENOTDIR: 'it is not a directory',
    EACCES: 'this user may not read it',
  };
  return new FustorError('SOURCE_UNUSABLE', `Cannot observe ${path}: ${reasons[code] ?? code}.`, {
    hint: 'Check "path" of the source, and that the storage is mounted.',
  });
}

/** Why the root is not what it was, or undefined while it is. */
export function mountProblem(path: string, opened: Mount): string | undefined {
  try {
    const {device, type} = mountOf(path);
    const isSame = device === opened.device && type === opened.type;
    return isSame ? undefined : `${path} is another file system than when it was opened`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The name of an error that says that nothing is there (any more). */
export function isGone(error: string): boolean {
  return error === 'ENOENT' || error === 'ENOTDIR';
}
