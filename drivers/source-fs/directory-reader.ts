import {getRawPointer} from 'node:ffi';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {type Attributes, kinds} from '../../core/entry/entry.ts';
import {fixedBytes, flags} from '../../core/entry/packed.ts';
import {joinPath, type Path} from '../../core/entry/path.ts';
import {type Exclude, isSillyName} from './exclude.ts';
import {atEmptyPath, atStatxForceSync, atSymlinkNoFollow, type Libc} from './libc.ts';
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
  /** A run: all its names, sorted. */
  run: Uint8Array<ArrayBuffer>;
  count: number;
  directories: {name: ByteString; identity: string; hotAt: number; isOtherFileSystem: boolean}[];
};

/** A directory's own attributes, past every cache. */
export type DirectoryCheck = {identity: string; self: Attributes};

const direntsBytes = 256 * 1024;
/** What is kept for the next directory; larger ones give back what they took. */
const packedBytes = 1 << 20;

export type ReadOptions = {mayWatch: boolean; onWatched: (watched: WatchedDirectory) => void};

/** Reads directories through libc; one for each thread. */
export class DirectoryReader {
  readonly #libc: Libc;
  readonly #exclude: Exclude | undefined;
  readonly #inotify: {descriptor: number; mask: number};
  readonly #dirents = Buffer.allocUnsafe(direntsBytes);
  readonly #direntsPointer = getRawPointer(this.#dirents);
  readonly #stat = new StatxBuffer();
  #packed = Buffer.allocUnsafeSlow(packedBytes);

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
      if (this.#packed.byteLength > 16 * packedBytes) this.#packed = Buffer.allocUnsafeSlow(packedBytes);
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
    const starts: number[] = [];
    const directories: DirectoryReading['directories'] = [];
    let length = 0;
    for (;;) {
      const bytes = libc.readDirents(descriptor, this.#direntsPointer, direntsBytes);
      if (bytes < 0) return libc.errorName();
      if (bytes === 0) break;
      if (starts.length === 0 && bytes > direntsBytes / 2) onWatched({identity, watch, isRefused});
      for (let at = 0; at < bytes; ) {
        const recordLength = this.#dirents.readUInt16LE(at + 16);
        const nameStart = at + 19;
        const nameEnd = this.#dirents.indexOf(0, nameStart);
        const next = this.#readEntry({descriptor, at, nameStart, nameEnd, path, device, length, directories});
        if (next > length) {
          starts.push(length);
          length = next;
        }
        at += recordLength;
      }
    }
    const run = this.#sorted(starts, length);
    return {identity, self, watch, isRefused, run, count: starts.length, directories};
  }

  /** Packs one name at `length`; returns where it ends, or `length` when the name is no entry. */
  #readEntry({
    descriptor,
    at,
    nameStart,
    nameEnd,
    path,
    device,
    length,
    directories,
  }: {
    descriptor: number;
    at: number;
    nameStart: number;
    nameEnd: number;
    path: Path;
    device: string;
    length: number;
    directories: DirectoryReading['directories'];
  }): number {
    const dirents = this.#dirents;
    const nameLength = nameEnd - nameStart;
    if (dirents[nameStart] === 0x2e) {
      if (nameLength === 1 || (nameLength === 2 && dirents[nameStart + 1] === 0x2e)) return length;
      if (isSillyName(dirents.toString('latin1', nameStart, nameEnd))) return length;
    }
    if (this.#exclude?.(joinPath(path, dirents.toString('latin1', nameStart, nameEnd) as ByteString))) return length;

    const libc = this.#libc;
    const stat = this.#stat;
    const hasAttributes = libc.statxAt(
      descriptor,
      this.#direntsPointer + BigInt(nameStart),
      stat.pointer,
      atSymlinkNoFollow,
    );
    if (!hasAttributes && libc.errorName() === 'ENOENT') return length; // vanished
    const kind = hasAttributes ? stat.kind : kindOfDirent(dirents[at + 18]!);
    if (kind === kinds.directory) {
      const name = dirents.toString('latin1', nameStart, nameEnd) as ByteString;
      const isOtherFileSystem = hasAttributes && stat.device !== device;
      const hotAt = hasAttributes ? timeToMs(stat.ctime) : Number.NEGATIVE_INFINITY;
      directories.push({name, identity: hasAttributes ? stat.identity : '', hotAt, isOtherFileSystem});
    }
    if (length + fixedBytes + nameLength > this.#packed.byteLength) this.#grow();
    const packed = this.#packed;
    packed[length] = nameLength;
    packed[length + 1] = hasAttributes ? kind : kind | flags.noAttributes;
    if (hasAttributes) {
      const from = stat.view;
      packed.writeUInt32LE(from.getUint32(40, true), length + 2);
      packed.writeUInt32LE(from.getUint32(44, true), length + 6);
      packTime(packed, length + 10, from, 112);
      packTime(packed, length + 19, from, 96);
      packed.writeUInt16LE(0, length + 28);
    } else packed.fill(0, length + 2, length + fixedBytes);
    dirents.copy(packed, length + fixedBytes, nameStart, nameEnd);
    return length + fixedBytes + nameLength;
  }

  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(this.#packed.byteLength * 2);
    this.#packed.copy(larger);
    this.#packed = larger;
  }

  #sorted(starts: number[], length: number): Uint8Array<ArrayBuffer> {
    const packed = this.#packed;
    const compare = (a: number, b: number) => {
      const endA = a + fixedBytes + packed[a]!;
      const endB = b + fixedBytes + packed[b]!;
      return packed.compare(packed, b + fixedBytes, endB, a + fixedBytes, endA);
    };
    starts.sort(compare);
    const run = new Uint8Array(length);
    let at = 0;
    for (const start of starts) {
      const end = start + fixedBytes + packed[start]!;
      run.set(packed.subarray(start, end), at);
      at += end - start;
    }
    return run;
  }
}

/** A time of `struct statx` (i64 seconds, u32 nanoseconds) as a packed entry has it (u32 nanoseconds, i40 seconds). */
function packTime(packed: Buffer, at: number, from: DataView, statxAt: number): void {
  packed.writeUInt32LE(from.getUint32(statxAt + 8, true), at);
  packed.writeUInt32LE(from.getUint32(statxAt, true), at + 4);
  packed[at + 8] = from.getUint8(statxAt + 4);
}
