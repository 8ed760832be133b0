const slabBytes = 64 * 1024;

/** Memory for many small copies that live about as long as each other: an allocation of their own costs more than the copy. */
export class Slab {
  #bytes = Buffer.alloc(0);
  #used = 0;

  /** A copy of the bytes, which stays as it is for as long as anybody holds it. */
  keep(bytes: Buffer): Buffer {
    const {length} = bytes;
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(slabBytes, length));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    bytes.copy(this.#bytes, start);
    return this.#bytes.subarray(start, this.#used);
  }
}
