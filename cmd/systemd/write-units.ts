import {readFileSync, renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import type {Unit} from './units.ts';

export type Written = {path: string; change: 'new' | 'replaced' | 'unchanged'};

/**
 * All of them, or none: throws UNITS_NOT_WRITTEN before the first when one is there with another content and is not to be
 * replaced, or this user may not write there. Each appears whole.
 */
export function writeUnits(units: Unit[], {directory, isForced}: {directory: string; isForced: boolean}): Written[] {
  const found = units.map(({name, text}) => {
    const path = join(directory, name);
    const present = readIfThere(path);
    const change = present === undefined ? 'new' : present === text ? 'unchanged' : 'replaced';
    return {path, text, present, change} as const;
  });
  const others = found.filter(({change}) => change === 'replaced');
  if (others.length > 0 && !isForced) {
    const differences = others.map(({path, present, text}) => [`${path}:`, ...difference(present!, text)].join('\n  '));
    throw new FustorError('UNITS_NOT_WRITTEN', `There are other units. What would change:\n${differences.join('\n')}`, {
      hint: 'Nothing was written. Use --force to replace them; your own changes belong into "systemctl edit".',
    });
  }
  for (const {path, text, change} of found) if (change !== 'unchanged') write(path, text);
  return found.map(({path, change}) => ({path, change}));
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw notWritten(path, error);
  }
}

function write(path: string, text: string): void {
  try {
    writeFileSync(`${path}.new`, text, {mode: 0o644});
    renameSync(`${path}.new`, path);
  } catch (error) {
    throw notWritten(path, error);
  }
}

function notWritten(path: string, cause: unknown): FustorError {
  const code = systemErrorCode(cause) ?? String(cause);
  const reasons: Record<string, string> = {
    EACCES: 'this user may not',
    EPERM: 'this user may not',
    ENOENT: 'there is no such folder',
    ENOTDIR: 'that is not a folder',
    EROFS: 'the file system is read-only',
  };
  return new FustorError('UNITS_NOT_WRITTEN', `Cannot write ${path}: ${reasons[code] ?? code}.`, {
    cause,
    hint: 'Run it as root; --dry-run only shows the units, and --unit-dir puts them elsewhere.',
  });
}

/** The lines that go (`-`) and come (`+`), in their order, by a longest common subsequence. */
export function difference(before: string, after: string): string[] {
  const [from, to] = [before.split('\n'), after.split('\n')];
  const common = Array.from({length: from.length + 1}, () => new Array<number>(to.length + 1).fill(0));
  for (let i = from.length - 1; i >= 0; i--) {
    for (let j = to.length - 1; j >= 0; j--) {
      common[i]![j] = from[i] === to[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const lines: string[] = [];
  for (let i = 0, j = 0; i < from.length || j < to.length; ) {
    if (i < from.length && j < to.length && from[i] === to[j]) {
      i++;
      j++;
    } else if (j >= to.length || (i < from.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      lines.push(`- ${from[i++]}`);
    } else {
      lines.push(`+ ${to[j++]}`);
    }
  }
  return lines;
}
