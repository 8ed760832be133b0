import {closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {dirname} from 'node:path';
import {systemErrorCode} from '../../core/errors/fustor-error.ts';

/**
 * Writes a file that only this user may read: whole or not at all, and for good when this returns, also when the power fails a
 * moment later. Throws when there is no room; then the earlier one is still there.
 */
export function writeDurably(file: string, content: string | Uint8Array): void {
  const folder = dirname(file);
  mkdirSync(folder, {recursive: true, mode: 0o700});
  const fresh = openSync(`${file}.new`, 'w', 0o600);
  try {
    writeFileSync(fresh, content);
    fsyncSync(fresh);
  } finally {
    closeSync(fresh);
  }
  renameSync(`${file}.new`, file);
  const names = openSync(folder, 'r');
  try {
    fsyncSync(names);
  } finally {
    closeSync(names);
  }
}

/** Undefined: there is none. Throws the system's error when it cannot be read. */
export function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
