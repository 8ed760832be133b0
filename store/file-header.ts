import {closeSync, fstatSync, openSync, readSync} from 'node:fs';
import {systemErrorCode} from '../core/errors/fustor-error.ts';

const metaPagesBytes = 8192;
const magicAt = 24;
const magic = 0xbeef_c0de;
const dataVersion = 2;

/** Where a meta page tells its page size, its last page and its transaction. */
const pageSizeAt = magicAt + 24;
const lastPageAt = magicAt + 120;
const transactionAt = lastPageAt + 8;
/** Pages at the end that are free may be missing. Never this part of a file. */
const missingMax = 0.25;

/**
 * What a file is, told from its first bytes: lmdb-js ends the process when it opens one that is no environment. `new` is one
 * that is missing, or not written yet; `cut` one whose end is missing: reading there would end the process, too.
 */
export function fileKind(path: string): 'new' | 'lmdb' | 'foreign' | 'cut' {
  const descriptor = openOrUndefined(path);
  if (descriptor === undefined) return 'new';
  try {
    const {size} = fstatSync(descriptor);
    if (size === 0) return 'new';
    const header = Buffer.alloc(magicAt + 8);
    readSync(descriptor, header, 0, header.length, 0);
    const isLmdb = header.readUInt32LE(magicAt) === magic && header.readUInt32LE(magicAt + 4) === dataVersion;
    if (!isLmdb) return 'foreign';
    if (size < metaPagesBytes) return 'new';
    return size < (1 - missingMax) * wantedBytes(descriptor) ? 'cut' : 'lmdb';
  } finally {
    closeSync(descriptor);
  }
}

/** How long the newest of its two meta pages has the file. */
function wantedBytes(descriptor: number): number {
  const meta = Buffer.alloc(transactionAt + 8);
  readSync(descriptor, meta, 0, meta.length, 0);
  const pageSize = meta.readUInt32LE(pageSizeAt);
  const metas = [0, pageSize].map(at => {
    readSync(descriptor, meta, 0, meta.length, at);
    return {transaction: meta.readBigUInt64LE(transactionAt), lastPage: Number(meta.readBigUInt64LE(lastPageAt))};
  });
  const [first, second] = metas as [(typeof metas)[0], (typeof metas)[0]];
  return ((first.transaction > second.transaction ? first : second).lastPage + 1) * pageSize;
}

function openOrUndefined(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
