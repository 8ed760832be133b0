import type {ByteString} from './byte-string.ts';

/**
 * The normal form of a path: relative to the root of its source, beginning with `/`, no empty, `.` or `..` part, no slash
 * at the end. The root itself is `/`. A path is a byte string.
 */
export type Path = ByteString;

export const rootPath = '/' as Path;

/** Longest name that a Linux file system stores, and longest path that a system call takes, in bytes. */
export const nameBytesMax = 255;

/** Runs for each event of a batch, so it makes no array of the names. */
export function isPath(value: ByteString): value is Path {
  if (value === '/') return true;
  if (!value.startsWith('/') || value.includes('\0')) return false;
  for (let start = 1, end = 0; end < value.length; start = end + 1) {
    end = value.indexOf('/', start);
    if (end < 0) end = value.length;
    if (end === start || end - start > nameBytesMax) return false;
    if (value[start] === '.' && (end === start + 1 || (end === start + 2 && value[start + 1] === '.'))) return false;
  }
  return true;
}

export function isName(value: ByteString): boolean {
  return (
    value.length > 0 &&
    value.length <= nameBytesMax &&
    value !== '.' &&
    value !== '..' &&
    !value.includes('/') &&
    !value.includes('\0')
  );
}

/** The normal form of what a person wrote (`a//b/`, `a`, ``), or undefined where there is none (`..`, a NUL). */
export function normalizePath(written: ByteString): Path | undefined {
  const parts = written.split('/').filter(part => part !== '' && part !== '.') as ByteString[];
  return parts.every(isName) ? (`/${parts.join('/')}` as Path) : undefined;
}

export function joinPath(directory: Path, name: ByteString): Path {
  return (directory === '/' ? `/${name}` : `${directory}/${name}`) as Path;
}

/** The names on the way from the root; none for the root. */
export function pathNames(path: Path): ByteString[] {
  return path === '/' ? [] : (path.slice(1).split('/') as ByteString[]);
}

export function splitPath(path: Path): {parent: Path; name: ByteString} {
  const slash = path.lastIndexOf('/');
  return {parent: (slash <= 0 ? '/' : path.slice(0, slash)) as Path, name: path.slice(slash + 1) as ByteString};
}

export function isBelow(path: Path, ancestor: Path): boolean {
  return path !== ancestor && (ancestor === '/' || path.startsWith(`${ancestor}/`));
}
