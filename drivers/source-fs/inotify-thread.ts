import {getRawPointer} from 'node:ffi';
import {parentPort, workerData} from 'node:worker_threads';
import {Libc} from './libc.ts';

/** Drains the kernel's queue and does nothing else: it never touches the storage, so nothing can hold it up. */
export type InotifyData = {
  inotify: number;
  /** An eventfd that `Inotify` writes to after it changed `shared`. */
  wake: number;
  /** [number of the newest sync that was asked for, 1 to stop]. */
  shared: Int32Array<SharedArrayBuffer>;
};
export type InotifyMessage = {bytes: Uint8Array<ArrayBuffer>} | {synced: number};

const {inotify, wake, shared} = workerData as InotifyData;
const {functions} = new Libc();
const queue = Buffer.allocUnsafeSlow(256 * 1024);
const queuePointer = getRawPointer(queue);
const counter = Buffer.allocUnsafeSlow(8);
const counterPointer = getRawPointer(counter);
const pollIn = 1;
const polled = Buffer.allocUnsafeSlow(16);
polled.writeInt32LE(inotify, 0);
polled.writeInt16LE(pollIn, 4);
polled.writeInt32LE(wake, 8);
polled.writeInt16LE(pollIn, 12);
const polledPointer = getRawPointer(polled);

while (Atomics.load(shared, 1) === 0) {
  functions.poll(polledPointer, 2n, -1);
  const isAsked = (polled.readInt16LE(14) & pollIn) !== 0;
  if (isAsked) functions.read(wake, counterPointer, 8n);
  // Taken behind the wake, so that no wake is used up whose sync is not answered, and before the queue is read to its end: what
  // was in it when the sync was asked for comes before the answer.
  const asked = Atomics.load(shared, 0);
  drain();
  if (isAsked) parentPort!.postMessage({synced: asked} satisfies InotifyMessage);
}

function drain(): void {
  for (;;) {
    const length = Number(functions.read(inotify, queuePointer, BigInt(queue.byteLength)));
    if (length <= 0) return;
    const bytes = new Uint8Array(length);
    bytes.set(queue.subarray(0, length));
    parentPort!.postMessage({bytes} satisfies InotifyMessage, [bytes.buffer]);
  }
}
