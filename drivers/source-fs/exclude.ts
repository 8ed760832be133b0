import picomatch from 'picomatch';
import type {Path} from '../../core/entry/path.ts';

/**
 * Whether a path is left out. Patterns are relative to the root of the source. They are matched against the path's bytes, one
 * character each, so a name that is not UTF-8 is matched too.
 */
export type Exclude = (path: Path) => boolean;

export function createExclude(patterns: readonly string[]): Exclude | undefined {
  if (patterns.length === 0) return undefined;
  const bytes = patterns.map(pattern => Buffer.from(pattern.replace(/^\//, ''), 'utf8').toString('latin1'));
  const matches = picomatch(bytes, {dot: true, nonegate: true});
  return path => path !== '/' && matches(path.slice(1));
}

/** What an NFS client calls a file that was unlinked while open: no entry of the storage. */
export function isSillyName(name: string): boolean {
  return name.startsWith('.nfs') && /^\.nfs[0-9a-f]{4,}$/i.test(name);
}
