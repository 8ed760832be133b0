import type {ByteString} from '../entry/byte-string.ts';

/** The path of the directory that a walk is in, as bytes that end with a slash; empty above the root. */
export class DirectoryPath {
  #bytes = Buffer.allocUnsafe(1024);
  #length = 0;

  /** Good until the next change; what counts is before `length`. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Goes to a directory, from wherever it is. */
  set(path: ByteString): void {
    this.#length = 0;
    this.#append(path.length);
    this.#bytes.write(path, 0, 'latin1');
    this.#end();
  }

  /** Goes into a directory whose name is a part of other bytes. */
  enter(source: Uint8Array, start: number, end: number): void {
    const at = this.#length;
    this.#append(end - start);
    for (let i = start; i < end; i++) this.#bytes[at + i - start] = source[i]!;
    this.#end();
  }

  /** Goes to the directory that this one is in. */
  leave(): void {
    this.#length = this.#length < 2 ? 0 : this.#bytes.lastIndexOf(slash, this.#length - 2) + 1;
  }

  /** Makes room for the slash, too. */
  #append(count: number): void {
    if (this.#length + count >= this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * (this.#length + count + 1));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#length += count;
  }

  #end(): void {
    if (this.#length === 0 || this.#bytes[this.#length - 1] === slash) return;
    this.#bytes[this.#length++] = slash;
  }
}

const slash = 0x2f;
