/** Bytes under construction: grows by doubling, and is used again for the next answer. */
export class ByteBuffer {
  #bytes: Buffer;
  length = 0;

  constructor(capacity = 128 * 1024) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  /** Makes room, and gives the bytes to be written to directly, from `length` on; who does so moves `length`. */
  reserve(count: number): Buffer {
    if (this.length + count > this.#bytes.byteLength) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.byteLength * 2, this.length + count));
      this.#bytes.copy(larger, 0, 0, this.length);
      this.#bytes = larger;
    }
    return this.#bytes;
  }

  /** The byte before `length`. */
  get last(): number | undefined {
    return this.#bytes[this.length - 1];
  }

  /** ASCII only. */
  ascii(text: string): void {
    this.reserve(text.length);
    const bytes = this.#bytes;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Bytes that were made once, for what is written again and again. */
  constant(bytes: Uint8Array): void {
    this.reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.byteLength;
  }

  text(text: string): void {
    this.reserve(text.length * 3);
    this.length += this.#bytes.write(text, this.length);
  }

  byte(value: number): void {
    this.reserve(1);
    this.#bytes[this.length++] = value;
  }

  /** What was written, as a copy of its own; begins anew. */
  take(): Buffer<ArrayBuffer> {
    const taken = Buffer.allocUnsafe(this.length);
    this.#bytes.copy(taken, 0, 0, this.length);
    this.length = 0;
    return taken;
  }
}
