import {dlopen, getInt32, getRawPointer} from 'node:ffi';
import {constants} from 'node:os';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {type Path, rootPath, splitPath} from '../../core/entry/path.ts';

/**
 * The part of Linux that the driver speaks to. Names and paths go in as bytes, relative to the descriptor of the root, so
 * that neither the length of an absolute path nor what is mounted above the root matters. Made once for each thread.
 */
export const openFlags = {
  directory: 0o200000,
  noFollow: 0o400000,
  closeOnExec: 0o2000000,
  nonBlocking: 0o4000,
} as const;
export const atSymlinkNoFollow = 0x100;
export const atStatxForceSync = 0x2000;
/** STATX_BASIC_STATS and STATX_BTIME, which only some file systems have. */
const statxWanted = 0xfff;
const fadviseDontNeed = 4;
const currentDirectory = -100;

export const pathBytesMax = 4095;

const errorNames = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

export class Libc {
  readonly #library = dlopen('libc.so.6', {
    openat: {arguments: ['i32', 'pointer', 'i32'], return: 'i32'},
    close: {arguments: ['i32'], return: 'i32'},
    getdents64: {arguments: ['i32', 'pointer', 'u64'], return: 'i64'},
    statx: {arguments: ['i32', 'pointer', 'i32', 'u32', 'pointer'], return: 'i32'},
    posix_fadvise: {arguments: ['i32', 'i64', 'i64', 'i32'], return: 'i32'},
    inotify_init1: {arguments: ['i32'], return: 'i32'},
    inotify_add_watch: {arguments: ['i32', 'pointer', 'u32'], return: 'i32'},
    inotify_rm_watch: {arguments: ['i32', 'i32'], return: 'i32'},
    eventfd: {arguments: ['u32', 'i32'], return: 'i32'},
    poll: {arguments: ['pointer', 'u64', 'i32'], return: 'i32'},
    read: {arguments: ['i32', 'pointer', 'u64'], return: 'i64'},
    write: {arguments: ['i32', 'pointer', 'u64'], return: 'i64'},
    _exit: {arguments: ['i32'], return: 'void'},
    __errno_location: {arguments: [], return: 'pointer'},
  });
  readonly functions = this.#library.functions;
  readonly #errno = this.functions.__errno_location();
  readonly #path = Buffer.alloc(pathBytesMax + 1);
  readonly #pathPointer = getRawPointer(this.#path);

  /** The name of the error of the last call that failed: `ENOENT` …. */
  errorName(): string {
    const number = getInt32(this.#errno);
    return errorNames.get(number) ?? `errno ${number}`;
  }

  /** A descriptor, or -1. The root may be named by a symbolic link. */
  openRoot(path: string): number {
    return this.functions.openat(currentDirectory, this.#pointerTo(path), directoryFlags & ~openFlags.noFollow);
  }

  /** Opens a directory below the root for reading, without following a symbolic link at its end; a descriptor, or -1. */
  openDirectory(root: number, path: Path): number {
    let names = path === '/' ? '.' : path.slice(1);
    if (names.length <= pathBytesMax) return this.functions.openat(root, this.#pointerTo(names), directoryFlags);
    // Longer than a system call takes: in steps, each from the one before.
    let from = root;
    while (names.length > 0) {
      const cut = names.length <= pathBytesMax ? names.length : names.lastIndexOf('/', pathBytesMax);
      const next = this.functions.openat(from, this.#pointerTo(names.slice(0, cut)), directoryFlags);
      if (from !== root) this.functions.close(from);
      if (next < 0) return -1;
      from = next;
      names = names.slice(cut + 1);
    }
    return from;
  }

  close(descriptor: number): void {
    this.functions.close(descriptor);
  }

  /** Drops what the kernel has cached of a directory, so that an NFS client asks the server, names and attributes together. */
  dropCache(descriptor: number): void {
    this.functions.posix_fadvise(descriptor, 0n, 0n, fadviseDontNeed);
  }

  /** Fills the memory with directory entries; returns how many bytes, 0 at the end, negative when it failed. */
  readDirents(descriptor: number, into: bigint, length: number): number {
    return Number(this.functions.getdents64(descriptor, into, BigInt(length)));
  }

  /** Into `into` (256 bytes). False when it failed. */
  statx(directory: number, name: string, into: bigint, flags: number = atSymlinkNoFollow): boolean {
    return this.statxAt(directory, this.#pointerTo(name), into, flags);
  }

  /** The same with a NUL-terminated name in memory; the empty name with `AT_EMPTY_PATH` is the directory itself. */
  statxAt(directory: number, name: bigint, into: bigint, flags: number): boolean {
    return this.functions.statx(directory, name, flags, statxWanted, into) === 0;
  }

  /** The same of a path below the root, however long. */
  statxPath(root: number, path: Path, into: bigint, flags: number): boolean {
    if (path === rootPath) return this.statx(root, '', into, flags | atEmptyPath);
    if (path.length - 1 <= pathBytesMax) return this.statx(root, path.slice(1), into, flags);
    const {parent, name} = splitPath(path);
    const directory = this.openDirectory(root, parent);
    if (directory < 0) return false;
    const isOk = this.statx(directory, name, into, flags);
    this.close(directory);
    return isOk;
  }

  addWatch(inotify: number, path: string, mask: number): number {
    return this.functions.inotify_add_watch(inotify, this.#pointerTo(path), mask);
  }

  #pointerTo(path: string | ByteString): bigint {
    const length = this.#path.write(path, 0, pathBytesMax, 'latin1');
    this.#path[length] = 0;
    return this.#pathPointer;
  }
}

const directoryFlags = openFlags.directory | openFlags.noFollow | openFlags.closeOnExec | openFlags.nonBlocking;
export const atEmptyPath = 0x1000;
