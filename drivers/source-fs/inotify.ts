import {getRawPointer} from 'node:ffi';
import type {Worker, WorkerOptions} from 'node:worker_threads';
import type {ByteString} from '../../core/entry/byte-string.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {InotifyData, InotifyMessage} from './inotify-thread.ts';
import {type Libc, openFlags} from './libc.ts';

export type OpenThread = (name: 'walker' | 'inotify' | 'look', options: WorkerOptions) => Worker;

export const inotifyBits = {
  modify: 0x2,
  attributes: 0x4,
  closeWrite: 0x8,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  delete: 0x200,
  unmount: 0x2000,
  overflow: 0x4000,
  ignored: 0x8000,
  isDirectory: 0x40000000,
} as const;

/** What is asked for each directory. `IN_ONLYDIR | IN_DONT_FOLLOW` are not needed: watches are set through descriptors. */
export const watchMask =
  inotifyBits.modify |
  inotifyBits.attributes |
  inotifyBits.closeWrite |
  inotifyBits.movedFrom |
  inotifyBits.movedTo |
  inotifyBits.create |
  inotifyBits.delete;

export type KernelEvent = {watch: number; mask: number; cookie: number; name: ByteString};

/** One inotify instance and the thread that drains it. */
export class Inotify {
  readonly descriptor: number;
  readonly #libc: Libc;
  readonly #wake: number;
  readonly #thread: Worker;
  readonly #shared = new Int32Array(new SharedArrayBuffer(8));
  readonly #removed = new Set<number>();
  #syncs: {number: number; resolve: () => void}[] = [];
  #isStopped = false;

  constructor(
    libc: Libc,
    openThread: OpenThread,
    onEvents: (events: KernelEvent[]) => void,
    onFailure: (e: Error) => void,
  ) {
    this.#libc = libc;
    this.descriptor = libc.functions.inotify_init1(openFlags.nonBlocking | openFlags.closeOnExec);
    if (this.descriptor < 0) {
      throw new FustorError('SOURCE_UNUSABLE', `Cannot watch: inotify_init1 says ${libc.errorName()}.`, {
        hint: 'Raise fs.inotify.max_user_instances with sysctl.',
      });
    }
    this.#wake = libc.functions.eventfd(0, openFlags.nonBlocking | openFlags.closeOnExec);
    if (this.#wake < 0) {
      const error = libc.errorName();
      libc.close(this.descriptor);
      throw new FustorError('SOURCE_UNUSABLE', `Cannot watch: eventfd says ${error}.`, {
        hint: 'Raise the limit of open files of the service (LimitNOFILE).',
      });
    }
    const workerData: InotifyData = {inotify: this.descriptor, wake: this.#wake, shared: this.#shared};
    this.#thread = openThread('inotify', {workerData});
    this.#thread.on('message', (message: InotifyMessage) => {
      if ('bytes' in message) onEvents(parseEvents(message.bytes));
      else this.#synced(message.synced);
    });
    this.#thread.once('error', (error: Error) => {
      this.#stop();
      onFailure(error);
    });
  }

  /** Resolves when all that was in the kernel's queue at the call has been handed to `onEvents`, or it stopped for good. */
  sync(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise(resolve => {
      const number = Atomics.add(this.#shared, 0, 1) + 1;
      this.#syncs.push({number, resolve});
      this.#poke();
    });
  }

  removeWatch(watch: number): void {
    this.#removed.add(watch);
    this.#libc.functions.inotify_rm_watch(this.descriptor, watch);
  }

  /** Whether it was removed by us. The kernel gives the number of a watch only once, so what still speaks of it is old. */
  isRemoved(watch: number): boolean {
    return this.#removed.has(watch);
  }

  get removed(): number {
    return this.#removed.size;
  }

  /** The first so many of those: their last events have come, and no reading under way can name them. */
  forgetRemoved(count: number): void {
    for (const watch of this.#removed) {
      if (count-- <= 0) return;
      this.#removed.delete(watch);
    }
  }

  async close(): Promise<void> {
    if (this.#isStopped) return;
    const exited = new Promise(resolve => this.#thread.once('exit', resolve));
    Atomics.store(this.#shared, 1, 1);
    this.#poke();
    await exited;
    this.#stop();
    this.#libc.close(this.descriptor);
    this.#libc.close(this.#wake);
  }

  #stop(): void {
    this.#isStopped = true;
    this.#synced(Number.POSITIVE_INFINITY);
  }

  #poke(): void {
    const one = new BigUint64Array([1n]);
    this.#libc.functions.write(this.#wake, getRawPointer(one.buffer), 8n);
  }

  #synced(upTo: number): void {
    const done = this.#syncs.filter(({number}) => number <= upTo);
    this.#syncs = this.#syncs.filter(({number}) => number > upTo);
    for (const {resolve} of done) resolve();
  }
}

/** `struct inotify_event`: i32 watch, u32 mask, u32 cookie, u32 length, name padded with NULs. */
function parseEvents(bytes: Uint8Array): KernelEvent[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: KernelEvent[] = [];
  for (let at = 0; at < buffer.length; ) {
    const length = buffer.readUInt32LE(at + 12);
    const end = length === 0 ? at + 16 : buffer.indexOf(0, at + 16);
    events.push({
      watch: buffer.readInt32LE(at),
      mask: buffer.readUInt32LE(at + 4),
      cookie: buffer.readUInt32LE(at + 8),
      name: buffer.toString('latin1', at + 16, end) as ByteString,
    });
    at += 16 + length;
  }
  return events;
}
