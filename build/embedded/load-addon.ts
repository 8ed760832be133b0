import {createHash} from 'node:crypto';
import {dlopen} from 'node:ffi';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {getRawAsset} from 'node:sea';

/**
 * Runs inside the executables in the place of `node-gyp-build-optional-packages`: loads the native addon of lmdb from
 * the executable itself. Every thread must get the same copy, because LMDB keeps track of open environments in the
 * library's own variables; the dynamic loader knows by the file that it is the same, so each thread looks for the
 * file that another one made before it makes one.
 */
export default function loadLmdbAddon(): unknown {
  const bytes = new Uint8Array(getRawAsset('lmdb.node'));
  try {
    return loadFromMemory('lmdb.node', bytes);
  } catch {
    // A kernel or a sandbox without memfd_create, or without /proc.
    return loadFromFile('lmdb.node', bytes, tmpdir());
  }
}

/** Needs no disk: works where every writable file system is mounted noexec, or nothing is writable at all. */
export function loadFromMemory(name: string, bytes: Uint8Array): unknown {
  const memoryName = `fustor-${digest(bytes)}-${name}`;
  return load(findMemoryFile(memoryName) ?? createMemoryFile(memoryName, bytes));
}

/** Keeps the file, so that a thousand starts write it once. */
export function loadFromFile(name: string, bytes: Uint8Array, directory: string): unknown {
  const own = join(directory, `fustor-${process.getuid!()}`);
  mkdirSync(own, {recursive: true, mode: 0o700});
  const {uid, mode} = lstatSync(own);
  // In a shared /tmp somebody else could have been here first, and what lies here will run as us.
  if (uid !== process.getuid!() || (mode & 0o170_077) !== 0o040_000) {
    throw new Error(`Cannot keep ${name} in ${own}: it must be a directory that only this user can read and write.`);
  }
  const path = join(own, `${digest(bytes)}-${name}`);
  if (!hasContent(path, bytes)) {
    const unfinished = `${path}.${process.pid}`;
    writeFileSync(unfinished, bytes);
    chmodSync(unfinished, 0o500);
    renameSync(unfinished, path);
  }
  return load(path);
}

function load(path: string): unknown {
  const addon: {exports: unknown} = {exports: {}};
  process.dlopen(addon, path);
  return addon.exports;
}

const closeOnExec = 1;

function createMemoryFile(name: string, bytes: Uint8Array): string {
  const {functions} = dlopen('libc.so.6', {memfd_create: {arguments: ['string', 'u32'], return: 'i32'}});
  const fd = functions.memfd_create(name, closeOnExec);
  if (fd < 0) throw new Error('memfd_create failed');
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset);
  // Stays open: another thread finds it by its name.
  return `/proc/self/fd/${fd}`;
}

function findMemoryFile(name: string): string | undefined {
  return readdirSync('/proc/self/fd')
    .map(fd => `/proc/self/fd/${fd}`)
    .find(path => linkTarget(path) === `/memfd:${name} (deleted)`);
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // closed meanwhile, as the descriptor of this very listing is
  }
}

function hasContent(path: string, bytes: Uint8Array): boolean {
  try {
    return readFileSync(path).equals(bytes);
  } catch {
    return false;
  }
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
