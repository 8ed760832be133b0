import {toBuffer} from 'node:ffi';
import {readFileSync} from 'node:fs';
import {parentPort, workerData} from 'node:worker_threads';
import type {ByteString} from '../../core/entry/byte-string.ts';
import type {Path} from '../../core/entry/path.ts';
import {Libc} from './libc.ts';
import {type LookData, serveLooks} from './serve-looks.ts';
import {serveWalks, type WalkerData} from './serve-walks.ts';

/** For tests: the thread of a walker or looker on a storage some of whose directories give errors. */
export type FaultyData = {
  thread: 'walker' | 'look';
  /** Errors of single directories; they hold while their number in `isOn` is not 0. */
  faults: readonly Fault[];
  isOn: Int32Array<SharedArrayBuffer>;
  /** How many watches the kernel allows. */
  watchesMax: Int32Array<SharedArrayBuffer>;
};
/**
 * `hang` is no error: the directory is opened when it is turned off. `longNames` gives every name that ends with `~` a length
 * of 765 bytes; the error is what is to be told of that.
 */
export type Fault = {
  call: 'open' | 'hang' | 'getdents64' | 'statx' | 'check' | 'longNames';
  path: string;
  error: string;
};

const {thread, faults, isOn, watchesMax} = workerData as FaultyData;

class FaultyLibc extends Libc {
  readonly #paths = new Map<number, Path>();
  #error: string | undefined;

  override errorName(): string {
    return this.#error ?? super.errorName();
  }

  override openRoot(path: string): number {
    const descriptor = super.openRoot(path);
    this.#error = undefined;
    this.#paths.delete(descriptor);
    return descriptor;
  }

  override openDirectory(root: number, path: Path): number {
    this.#hang(path);
    if (this.#fails('open', path)) return -1;
    const descriptor = super.openDirectory(root, path);
    this.#paths.set(descriptor, path);
    return descriptor;
  }

  override readDirents(descriptor: number, into: bigint, length: number): number {
    const path = this.#paths.get(descriptor);
    if (this.#fails('getdents64', path)) return -1;
    const bytes = super.readDirents(descriptor, into, length);
    if (!this.#fails('longNames', path)) return bytes;
    this.#error = undefined;
    const longer = withLongNames(toBuffer(into, bytes, true));
    longer.copy(toBuffer(into, longer.length, false));
    return longer.length;
  }

  override statx(directory: number, name: string, into: bigint, flags?: number): boolean {
    if (name === '' && this.#fails('statx', this.#paths.get(directory))) return false;
    return super.statx(directory, name, into, flags);
  }

  override statxPath(root: number, path: Path, into: bigint, flags: number): boolean {
    return !this.#fails('check', path) && super.statxPath(root, path, into, flags);
  }

  override addWatch(inotify: number, path: string | ByteString, mask: number): number {
    this.#error = undefined;
    const before = watchesOf(inotify);
    const watch = super.addWatch(inotify, path, mask);
    const after = watchesOf(inotify);
    if (after === before || after <= Atomics.load(watchesMax, 0)) return watch;
    this.functions.inotify_rm_watch(inotify, watch);
    this.#error = 'ENOSPC';
    return -1;
  }

  #hang(path: Path): void {
    for (const [i, fault] of faults.entries())
      if (fault.call === 'hang' && fault.path === path) Atomics.wait(isOn, i, 1);
  }

  #fails(call: Fault['call'], path: Path | undefined): boolean {
    const fault = faults.find((one, i) => one.call === call && one.path === path && Atomics.load(isOn, i) !== 0);
    this.#error = fault?.error;
    return fault !== undefined;
  }
}

/** `struct linux_dirent64`: u64 inode, i64 offset, u16 length, u8 type, name padded with NULs. */
function withLongNames(dirents: Buffer): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < dirents.length; at += dirents.readUInt16LE(at + 16)) {
    const record = dirents.subarray(at, at + dirents.readUInt16LE(at + 16));
    const end = record.indexOf(0, 19);
    if (record[end - 1] !== 0x7e) records.push(record);
    else {
      const longer = Buffer.alloc(19 + 765 + 8);
      record.copy(longer, 0, 0, end);
      longer.fill('~', end, 19 + 765).writeUInt16LE(longer.length, 16);
      records.push(longer);
    }
  }
  return Buffer.concat(records);
}

function watchesOf(inotify: number): number {
  const lines = readFileSync(`/proc/self/fdinfo/${inotify}`, 'latin1').split('\n');
  return lines.filter(line => line.startsWith('inotify ')).length;
}

if (thread === 'walker') serveWalks(parentPort!, workerData as WalkerData, new FaultyLibc());
else serveLooks(parentPort!, workerData as LookData, new FaultyLibc());
