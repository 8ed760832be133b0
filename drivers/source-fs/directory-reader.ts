import {getRawPointer} from 'node:ffi';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {type Attributes, kinds} from '../../core/entry/entry.ts';
import {fixedBytes, flags} from '../../core/entry/packed.ts';
import {joinPath, nameBytesMax, type Path} from '../../core/entry/path.ts';
import {type Exclude, isSillyName} from './exclude.ts';
import {atEmptyPath, atStatxForceSync, atSymlinkNoFollow, type Libc} from './libc.ts';
import {type Run, SortedRuns} from './sorted-runs.ts';
import {timeToMs} from './stamps.ts';
import {kindOfDirent, StatxBuffer} from './statx.ts';

export type WatchedDirectory = {
  /** Which directory it was, whatever stood at its path when it was opened. */
  identity: string;
  /** The watch that was set on it before it was read; -1 when there is none. */
  watch: number;
  /** The kernel's limit of watches is reached. */
  isRefused: boolean;
};

/** One directory read completely. */
export type DirectoryReading = WatchedDirectory & {
  self: Attributes;
  /** All its names, sorted, in runs that follow each other. */
  runs: Run[];
  count: number;
  directories: {name: ByteString; identity: string; hotAt: number; isOtherFileSystem: boolean}[];
  /** Names of more than `nameBytesMax` bytes, which are left out: file systems that count characters have them. */
  tooLong: number;
};

/** A directory's own attributes, past every cache. */
export type DirectoryCheck = {identity: string; self: Attributes};

const direntsBytes = 256 * 1024;

export type ReadOptions = {mayWatch: boolean; onWatched: (watched: WatchedDirectory) => void};

/** Reads directories through libc; one for each thread. */
export class DirectoryReader {
  readonly #libc: Libc;
  readonly #exclude: Exclude | undefined;
  readonly #inotify: {descriptor: number; mask: number};
  readonly #dirents = Buffer.allocUnsafe(direntsBytes);
  readonly #direntsPointer = getRawPointer(this.#dirents);
  /** The name that is being read, NUL-terminated, always at the same place: making a pointer costs as much as copying it. */
  readonly #name = Buffer.alloc(nameBytesMax + 1);
  readonly #namePointer = getRawPointer(this.#name);
  readonly #stat = new StatxBuffer();
  readonly #sorted = new SortedRuns();

  constructor(libc: Libc, options: {exclude: Exclude | undefined; inotify: {descriptor: number; mask: number}}) {
    this.#libc = libc;
    this.#exclude = options.exclude;
    this.#inotify = options.inotify;
  }

  /**
   * The name of the error when the directory cannot be read (`ENOENT`: it has gone). `onWatched` is called when the reading
   * of a large one begins, so that its events need not wait for the end.
   */
  read(root: number, path: Path, options: ReadOptions): DirectoryReading | string {
    const libc = this.#libc;
    const descriptor = libc.openDirectory(root, path);
    if (descriptor < 0) return libc.errorName();
    try {
      return this.#readOpened(descriptor, path, options);
    } finally {
      libc.close(descriptor);
    }
  }

  /** One look at the directory itself, without opening it; or the name of the error. */
  check(root: number, path: Path): DirectoryCheck | string {
    const libc = this.#libc;
    const stat = this.#stat;
    if (!libc.statxPath(root, path, stat.pointer, atSymlinkNoFollow | atStatxForceSync)) return libc.errorName();
    const {identity, attributes: self} = stat;
    return {identity, self};
  }

  /** Only sets a watch. */
  watch(root: number, path: Path): WatchedDirectory | string {
    const libc = this.#libc;
    const descriptor = libc.openDirectory(root, path);
    if (descriptor < 0) return libc.errorName();
    const watched = this.#addWatch(descriptor, true);
    const isRead = libc.statx(descriptor, '', this.#stat.pointer, atEmptyPath);
    const error = isRead ? '' : libc.errorName();
    libc.close(descriptor);
    return isRead ? {identity: this.#stat.identity, ...watched} : error;
  }

  #addWatch(descriptor: number, mayWatch: boolean): Pick<WatchedDirectory, 'watch' | 'isRefused'> {
    if (!mayWatch) return {watch: -1, isRefused: false};
    const {descriptor: inotify, mask} = this.#inotify;
    const watch = this.#libc.addWatch(inotify, `/proc/self/fd/${descriptor}`, mask);
    return {watch, isRefused: watch === -1 && this.#libc.errorName() === 'ENOSPC'};
  }

  #readOpened(descriptor: number, path: Path, {mayWatch, onWatched}: ReadOptions): DirectoryReading | string {
    const libc = this.#libc;
    const stat = this.#stat;
    // Watched before it is read, and through the descriptor: exactly the directory that is read.
    const {watch, isRefused} = this.#addWatch(descriptor, mayWatch);
    libc.dropCache(descriptor);
    if (!libc.statx(descriptor, '', stat.pointer, atEmptyPath)) return libc.errorName();
    const {identity, attributes: self, device} = stat;
    const directories: DirectoryReading['directories'] = [];
    const opened = {descriptor, path, device, directories, tooLong: 0};
    const sorted = this.#sorted;
    sorted.clear();
    for (let isFirst = true; ; isFirst = false) {
      const bytes = libc.readDirents(descriptor, this.#direntsPointer, direntsBytes);
      if (bytes < 0) return libc.errorName();
      if (bytes === 0) break;
      if (isFirst && bytes > direntsBytes / 2) onWatched({identity, watch, isRefused});
      for (let at = 0; at < bytes; at += this.#dirents.readUInt16LE(at + 16)) {
        const end = this.#readEntry(opened, at);
        if (end > sorted.end) sorted.add(end);
      }
    }
    return {identity, self, watch, isRefused, ...sorted.take(), directories, tooLong: opened.tooLong};
  }

  /**
   * Packs the name of the directory entry at `at`; returns where it ends, or begins when it is no entry. Runs once for each name
   * of a scan: bytes are copied by hand, because for so few a call into the engine costs more.
   */
  #readEntry(opened: Opened, at: number): number {
    const {descriptor, path, device, directories} = opened;
    const dirents = this.#dirents;
    const name = this.#name;
    let nameLength = 0;
    for (let from = at + 19; dirents[from] !== 0; from++) name[nameLength++] = dirents[from]!;
    const {packed, end: start} = this.#sorted;
    if (nameLength > nameBytesMax) {
      const text = dirents.toString('latin1', at + 19, at + 19 + nameLength) as ByteString;
      if (!this.#exclude?.(joinPath(path, text))) opened.tooLong++;
      return start;
    }
    name[nameLength] = 0;
    if (name[0] === 0x2e) {
      if (nameLength === 1 || (nameLength === 2 && name[1] === 0x2e)) return start;
      if (isSillyName(this.#nameText(nameLength))) return start;
    }
    if (this.#exclude?.(joinPath(path, this.#nameText(nameLength)))) return start;

    const libc = this.#libc;
    const stat = this.#stat;
    const hasAttributes = libc.statxAt(descriptor, this.#namePointer, stat.pointer, atSymlinkNoFollow);
    if (!hasAttributes && libc.errorName() === 'ENOENT') return start; // vanished
    const kind = hasAttributes ? stat.kind : kindOfDirent(dirents[at + 18]!);
    if (kind === kinds.directory) {
      const isOtherFileSystem = hasAttributes && stat.device !== device;
      const hotAt = hasAttributes ? timeToMs(stat.ctime) : Number.NEGATIVE_INFINITY;
      const identity = hasAttributes ? stat.identity : '';
      directories.push({name: this.#nameText(nameLength), identity, hotAt, isOtherFileSystem});
    }
    packed[start] = nameLength;
    packed[start + 1] = hasAttributes ? kind : kind | flags.noAttributes;
    if (hasAttributes) {
      const {bytes} = stat;
      copyBytes(bytes, 40, packed, start + 2, 8);
      packTime(packed, start + 10, bytes, 112);
      packTime(packed, start + 19, bytes, 96);
      packed[start + 28] = packed[start + 29] = 0;
    } else packed.fill(0, start + 2, start + fixedBytes);
    copyBytes(name, 0, packed, start + fixedBytes, nameLength);
    return start + fixedBytes + nameLength;
  }

  #nameText(length: number): ByteString {
    return this.#name.toString('latin1', 0, length) as ByteString;
  }
}

/** A directory that is being read. */
type Opened = Pick<DirectoryReading, 'directories' | 'tooLong'> & {descriptor: number; path: Path; device: string};

/** A time of `struct statx` (i64 seconds, u32 nanoseconds) as a packed entry has it (u32 nanoseconds, i40 seconds). */
function packTime(packed: Buffer, at: number, statx: Buffer, statxAt: number): void {
  copyBytes(statx, statxAt + 8, packed, at, 4);
  copyBytes(statx, statxAt, packed, at + 4, 5);
}

function copyBytes(from: Buffer, fromAt: number, to: Buffer, toAt: number, length: number): void {
  for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i]!;
}
