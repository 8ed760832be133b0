/** Bytes under construction: grows by doubling, and is used again for the next answer. */
export class ByteBuffer {
  #bytes: Buffer;
  length = 0;

  constructor(capacity = 128 * 1024) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  /** ASCII only. */
  ascii(text: string): void {
    this.#reserve(text.length);
    const bytes = this.#bytes;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Bytes that were made once, for what is written again and again. */
  constant(bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.byteLength;
  }

  /** A whole number from 0, in decimal digits, with zeros in front up to `width`. */
  digits(value: number, width = 1): void {
    if (value >= 1e9) {
      const high = Math.floor(value / 1e9);
      this.digits(high, Math.max(1, width - 9));
      this.digits(value - high * 1e9, 9);
      return;
    }
    let count = width;
    while (value >= powersOfTen[count]!) count++;
    this.#reserve(count);
    const bytes = this.#bytes;
    // Two at a time: half the divisions.
    let rest = value;
    let at = this.length + count - 1;
    for (; at > this.length; at -= 2) {
      const next = (rest / 100) | 0;
      const two = rest - next * 100;
      bytes[at] = onesOf[two]!;
      bytes[at - 1] = tensOf[two]!;
      rest = next;
    }
    if (at === this.length) bytes[at] = 0x30 + rest;
    this.length += count;
  }

  text(text: string): void {
    this.#reserve(text.length * 3);
    this.length += this.#bytes.write(text, this.length);
  }

  /** A part of other bytes. */
  copy(from: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    const bytes = this.#bytes;
    let at = this.length;
    for (let i = start; i < end; i++) bytes[at++] = from[i]!;
    this.length = at;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.length++] = value;
  }

  /** What was written, as a copy of its own; begins anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.length);
    taken.set(this.#bytes.subarray(0, this.length));
    this.length = 0;
    return taken;
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#bytes.byteLength) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.byteLength * 2, this.length + count));
    this.#bytes.copy(larger, 0, 0, this.length);
    this.#bytes = larger;
  }
}

const powersOfTen = Array.from({length: 10}, (_, exponent) => 10 ** exponent);
const onesOf = Uint8Array.from({length: 100}, (_, two) => 0x30 + (two % 10));
const tensOf = Uint8Array.from({length: 100}, (_, two) => 0x30 + Math.floor(two / 10));
