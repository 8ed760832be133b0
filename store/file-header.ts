import {closeSync, fstatSync, openSync, readSync} from 'node:fs';
import {systemErrorCode} from '../core/errors/fustor-error.ts';

const metaPagesBytes = 8192;
const magicAt = 24;
const magic = 0xbeef_c0de;
const dataVersion = 2;

/**
 * What a file is, told from its first bytes: lmdb-js ends the process when it opens one that is no environment. `new` is one
 * that is missing, or not written yet.
 */
export function fileKind(path: string): 'new' | 'lmdb' | 'foreign' {
  const descriptor = openOrUndefined(path);
  if (descriptor === undefined) return 'new';
  try {
    const {size} = fstatSync(descriptor);
    if (size === 0) return 'new';
    const header = Buffer.alloc(magicAt + 8);
    readSync(descriptor, header, 0, header.length, 0);
    const isLmdb = header.readUInt32LE(magicAt) === magic && header.readUInt32LE(magicAt + 4) === dataVersion;
    if (!isLmdb) return 'foreign';
    return size < metaPagesBytes ? 'new' : 'lmdb';
  } finally {
    closeSync(descriptor);
  }
}

function openOrUndefined(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
