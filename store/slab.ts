const firstBytes = 4 * 1024;
const slabBytesMax = 64 * 1024;

/**
 * Memory for many small copies that live about as long as each other: an allocation of its own costs more than the copy.
 * Begins small, because most readers want a block or two.
 */
export class Slab {
  #bytes = Buffer.alloc(0);
  #used = 0;

  /** A copy of the bytes, which stays as it is for as long as anybody holds it. */
  keep(bytes: Buffer): Buffer {
    const {length} = bytes;
    if (this.#used + length > this.#bytes.length) this.#begin(length);
    const start = this.#used;
    this.#used += length;
    bytes.copy(this.#bytes, start);
    return this.#bytes.subarray(start, this.#used);
  }

  #begin(bytesMin: number): void {
    const next = Math.min(Math.max(firstBytes, 4 * this.#bytes.length), slabBytesMax);
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(next, bytesMin));
    this.#used = 0;
  }
}
