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
export type Fault = {call: 'open' | 'getdents64' | 'statx' | 'check'; path: string; error: string};

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
    if (this.#fails('open', path)) return -1;
    const descriptor = super.openDirectory(root, path);
    this.#paths.set(descriptor, path);
    return descriptor;
  }

  override readDirents(descriptor: number, into: bigint, length: number): number {
    return this.#fails('getdents64', this.#paths.get(descriptor)) ? -1 : super.readDirents(descriptor, into, length);
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

  #fails(call: Fault['call'], path: Path | undefined): boolean {
    const fault = faults.find((one, i) => one.call === call && one.path === path && Atomics.load(isOn, i) !== 0);
    this.#error = fault?.error;
    return fault !== undefined;
  }
}

function watchesOf(inotify: number): number {
  const lines = readFileSync(`/proc/self/fdinfo/${inotify}`, 'latin1').split('\n');
  return lines.filter(line => line.startsWith('inotify ')).length;
}

if (thread === 'walker') serveWalks(parentPort!, workerData as WalkerData, new FaultyLibc());
else serveLooks(parentPort!, workerData as LookData, new FaultyLibc());
