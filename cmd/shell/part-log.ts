import {closeSync, fstatSync, ftruncateSync, openSync, readFileSync, readSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';

const tailBytesMax = 8 * 1024;
const fileBytesMax = 2 ** 20;
const portionBytes = 64 * 1024;

/**
 * What a part writes on stderr: a file, so that neither side needs the other. The shell passes it on to its own stderr, line by
 * line; a shell that comes later goes on where the one before it was.
 */
export class PartLog {
  /** For the process's stderr. */
  readonly descriptor: number;
  readonly #offsetFile: string;
  #offset: number;
  #isClosed = false;

  constructor(runDirectory: string, name: string, {isNew}: {isNew: boolean}) {
    const file = join(runDirectory, `${name}.log`);
    this.descriptor = openSync(file, 'a+', 0o600);
    this.#offsetFile = `${file}.passed-on`;
    this.#offset = isNew ? 0 : this.#readOffset();
    if (isNew) ftruncateSync(this.descriptor, 0);
  }

  /** `isLast`: nothing comes any more, so what is there of a line is all of it. */
  passOn(to: {write(bytes: Uint8Array): unknown}, {isLast = false} = {}): void {
    if (this.#isClosed) return;
    const {size} = fstatSync(this.descriptor);
    if (size < this.#offset) this.#offset = 0;
    const before = this.#offset;
    while (this.#offset < size) {
      const bytes = this.#read(this.#offset, Math.min(portionBytes, size - this.#offset));
      const isEnd = this.#offset + bytes.byteLength >= size;
      const end = isEnd && !isLast && bytes.byteLength < portionBytes ? bytes.lastIndexOf(0x0a) + 1 : bytes.byteLength;
      if (end > 0) to.write(bytes.subarray(0, end));
      this.#offset += end;
      if (end < bytes.byteLength || bytes.byteLength === 0) break;
    }
    if (this.#offset === size && size > fileBytesMax) this.#shorten();
    if (this.#offset !== before) this.#writeOffset();
  }

  /** The last 8 KiB, as text. */
  tail(): string {
    const {size} = fstatSync(this.descriptor);
    const from = Math.max(0, size - tailBytesMax);
    return this.#read(from, size - from).toString();
  }

  close(): void {
    if (!this.#isClosed) closeSync(this.descriptor);
    this.#isClosed = true;
  }

  /** Only the tail is kept. A line that is written at this very moment may be lost; nothing else is. */
  #shorten(): void {
    const tail = this.#read(this.#offset - tailBytesMax, tailBytesMax);
    ftruncateSync(this.descriptor, 0);
    this.#offset = writeSync(this.descriptor, tail);
  }

  #read(from: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(this.descriptor, bytes, 0, length, from));
  }

  #readOffset(): number {
    try {
      return Number(readFileSync(this.#offsetFile, 'utf8')) || 0;
    } catch {
      return 0;
    }
  }

  #writeOffset(): void {
    try {
      writeFileSync(this.#offsetFile, String(this.#offset), {mode: 0o600});
    } catch {
      // On a full disk: another shell passes some lines on again.
    }
  }
}

/** The last lines of what a part wrote, as many as fit into 64 KiB. Throws the system's error when there is no such log. */
export function lastLines(runDirectory: string, name: string, count: number): string {
  const descriptor = openSync(join(runDirectory, `${name}.log`), 'r');
  try {
    const {size} = fstatSync(descriptor);
    const bytes = Buffer.alloc(Math.min(size, portionBytes));
    const length = readSync(descriptor, bytes, 0, bytes.byteLength, size - bytes.byteLength);
    return tailOf(bytes.toString('utf8', 0, length), count);
  } finally {
    closeSync(descriptor);
  }
}

/** A line that was cut at its beginning is left out, where there are others. */
function tailOf(text: string, count: number): string {
  const lines = text.split(/(?<=\n)/);
  return lines.slice(-count).join('');
}
