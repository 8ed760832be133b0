import {promisify} from 'node:util';
import {constants, crc32, deflateRaw, zstdCompress} from 'node:zlib';
import type {Coding} from './content-coding.ts';

/**
 * Compresses one answer chunk by chunk, on the threads of the pool. What comes of each chunk can be read at once. Between two
 * chunks there is no compressor: a client that waits costs what waits for it and nothing else, however many they are.
 */
export interface ChunkEncoder {
  encode(chunk: readonly Uint8Array[]): Promise<Uint8Array[]>;
  /** What follows the last chunk. */
  end(): Uint8Array[];
}

export function newEncoder(coding: Coding): ChunkEncoder {
  return coding === 'gzip' ? new GzipEncoder() : new ZstdEncoder();
}

const deflated = promisify(deflateRaw);
const zstdCompressed = promisify(zstdCompress);

/** At the lowest levels JSON shrinks to an eighth; higher ones take two to four times the processor for a twentieth less. */
const deflateOptions = {level: 1, finishFlush: constants.Z_SYNC_FLUSH};
const zstdOptions = {params: {[constants.ZSTD_c_compressionLevel]: 1}};

/** One member: a chunk ends with a flush at a whole byte, so that the next one's compressed blocks go on behind it. */
class GzipEncoder implements ChunkEncoder {
  #checksum = 0;
  #length = 0;
  #isBegun = false;

  async encode(chunk: readonly Uint8Array[]): Promise<Uint8Array[]> {
    const bytes = joined(chunk);
    this.#checksum = crc32(bytes, this.#checksum);
    this.#length += bytes.byteLength;
    const body = await deflated(bytes, deflateOptions);
    if (this.#isBegun) return [body];
    this.#isBegun = true;
    return [gzipHeader, body];
  }

  end(): Uint8Array[] {
    const trailer = Buffer.alloc(10);
    trailer.writeUInt16LE(lastEmptyBlock, 0);
    trailer.writeUInt32LE(this.#checksum, 2);
    trailer.writeUInt32LE(this.#length % 2 ** 32, 6);
    return [trailer];
  }
}

/** Deflate, no name, no time, of no known system (RFC 1952). */
const gzipHeader = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
const lastEmptyBlock = 0x0003;

/** A frame a chunk: frames behind each other are one content (RFC 8878, 3), which curl, urllib3 and Node read. */
class ZstdEncoder implements ChunkEncoder {
  async encode(chunk: readonly Uint8Array[]): Promise<Uint8Array[]> {
    return [await zstdCompressed(joined(chunk), zstdOptions)];
  }

  end(): Uint8Array[] {
    return [];
  }
}

/** A chunk of one piece, as most are, is not copied. */
function joined(chunk: readonly Uint8Array[]): Uint8Array {
  return chunk.length === 1 ? chunk[0]! : Buffer.concat(chunk);
}
