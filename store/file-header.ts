import {closeSync, fstatSync, openSync, readFileSync, readSync} from 'node:fs';
import {systemErrorCode} from '../core/errors/fustor-error.ts';

const pageBytes = 4096;
const metaPagesBytes = 2 * pageBytes;
const magicAt = 24;
const magic = 0xbeef_c0de;
const dataVersion = 2;

/** Where a meta page tells its page size, its last page, its transaction, and in which start of the machine it was written. */
const pageSizeAt = magicAt + 24;
const lastPageAt = magicAt + 120;
const transactionAt = lastPageAt + 8;
const bootIdAt = transactionAt + 8;
/** Pages at the end that are free may be missing. Never this part of a file. */
const missingMax = 0.25;

/**
 * What a file is, told from its two meta pages: lmdb-js ends the process when it opens one that is no environment. `new` is one
 * that is missing, or whose making was cut off, by a crash or a power failure, before anything could be committed to it; `cut`
 * one whose end is missing: reading there would end the process, too.
 */
export function fileKind(path: string): 'new' | 'lmdb' | 'foreign' | 'cut' {
  const descriptor = openOrUndefined(path);
  if (descriptor === undefined) return 'new';
  try {
    const header = Buffer.alloc(metaPagesBytes);
    readSync(descriptor, header, 0, header.length, 0);
    const {size} = fstatSync(descriptor);
    if (size === 0 || isUnmade(header)) return 'new';
    if (!isMeta(header, 0)) return 'foreign';
    if (size < metaPagesBytes) return 'new';
    return size < (1 - missingMax) * wantedBytes(descriptor) ? 'cut' : 'lmdb';
  } finally {
    closeSync(descriptor);
  }
}

/**
 * How long the file must be for the meta page that LMDB will take: the newest if it was written since the machine started. A power
 * failure may have kept that of the last commit without its pages, so after another start LMDB may take the other one.
 */
function wantedBytes(descriptor: number): number {
  const meta = Buffer.alloc(bootIdAt + 8);
  readSync(descriptor, meta, 0, meta.length, 0);
  const pageSize = meta.readUInt32LE(pageSizeAt);
  const metas = [0, pageSize].map(at => {
    readSync(descriptor, meta, 0, meta.length, at);
    const isOfThisStart = meta.readBigInt64LE(bootIdAt) === bootId();
    const lastPage = Number(meta.readBigUInt64LE(lastPageAt));
    return {transaction: meta.readBigUInt64LE(transactionAt), lastPage, isOfThisStart};
  });
  const [first, second] = metas as [(typeof metas)[0], (typeof metas)[0]];
  const [newest, other] = first.transaction > second.transaction ? [first, second] : [second, first];
  const lastPage = newest.isOfThisStart ? newest.lastPage : Math.min(newest.lastPage, other.lastPage);
  return (lastPage + 1) * pageSize;
}

/** As lmdb-js has it: what stands before the first `-`. */
function bootId(): bigint {
  try {
    return BigInt(Number.parseInt(readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'), 16));
  } catch {
    return 0n;
  }
}

function isMeta(header: Buffer, page: number): boolean {
  const at = page * pageBytes + magicAt;
  return header.readUInt32LE(at) === magic && header.readUInt32LE(at + 4) === dataVersion;
}

/** Both meta pages are written first and at once, and nothing is committed before they are on the disk. */
function isUnmade(header: Buffer): boolean {
  if (!header.subarray(0, pageBytes).equals(Buffer.alloc(pageBytes))) return false;
  if (header.readUInt32LE(pageBytes + magicAt) === 0) return true;
  return isMeta(header, 1) && header.readBigUInt64LE(pageBytes + transactionAt) === 0n;
}

function openOrUndefined(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
