import {isUtf8} from 'node:buffer';
import type {ByteBuffer} from './byte-buffer.ts';

/** Major types of CBOR (RFC 8949), where they stand in a first byte. */
export const majors = {
  unsigned: 0x00,
  negative: 0x20,
  bytes: 0x40,
  text: 0x60,
  array: 0x80,
  map: 0xa0,
  tag: 0xc0,
} as const;
const two32 = 2 ** 32;

/** The head of an item, with a whole number below 2^53. */
export function writeHead(out: ByteBuffer, major: number, value: number): void {
  const bytes = out.reserve(9);
  const at = out.length;
  if (value < 24) {
    bytes[at] = major | value;
    out.length = at + 1;
  } else if (value < 0x100) {
    bytes[at] = major | 24;
    bytes[at + 1] = value;
    out.length = at + 2;
  } else if (value < 0x10000) {
    bytes[at] = major | 25;
    out.length = bytes.writeUInt16BE(value, at + 1);
  } else if (value < two32) {
    bytes[at] = major | 26;
    out.length = bytes.writeUInt32BE(value, at + 1);
  } else {
    bytes[at] = major | 27;
    bytes.writeUInt32BE(Math.floor(value / two32), at + 1);
    out.length = bytes.writeUInt32BE(value % two32, at + 5);
  }
}

/** `key` and its text; where the bytes are not UTF-8, their text for display and, as `<key>_bytes`, what they are. */
export function writeCborName(out: ByteBuffer, key: string, name: Uint8Array): void {
  writeText(out, key);
  if (isUtf8(name)) {
    writeHead(out, majors.text, name.length);
    out.constant(name);
    return;
  }
  writeText(out, Buffer.from(name.buffer, name.byteOffset, name.length).toString());
  writeText(out, `${key}_bytes`);
  writeHead(out, majors.bytes, name.length);
  out.constant(name);
}

export function writeText(out: ByteBuffer, text: string): void {
  const bytes = Buffer.from(text);
  writeHead(out, majors.text, bytes.length);
  out.constant(bytes);
}

/** Seconds since 1970, exact: a whole number, or a decimal fraction (tag 4) with nine decimals. */
export function writeCborTime(out: ByteBuffer, seconds: number, nanos: number): void {
  if (nanos === 0) {
    if (seconds >= 0) writeHead(out, majors.unsigned, seconds);
    else writeHead(out, majors.negative, -1 - seconds);
    return;
  }
  out.constant(nineDecimals);
  if (seconds >= 0 && seconds < secondsOf64Bits) writeNanos(out, seconds, nanos);
  else writeBigNanos(out, BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
}

/** 64 bits without a BigInt: the seconds are taken apart so that each product is exact. */
function writeNanos(out: ByteBuffer, seconds: number, nanos: number): void {
  const high = Math.floor(seconds / 65_536) * 1e9;
  const low = (high % 65_536) * 65_536 + (seconds % 65_536) * 1e9 + nanos;
  const bytes = out.reserve(9);
  bytes[out.length] = majors.unsigned | 27;
  bytes.writeUInt32BE(Math.floor(high / 65_536) + Math.floor(low / two32), out.length + 1);
  out.length = bytes.writeUInt32BE(low % two32, out.length + 5);
}

/** Before 1970 or behind 2554. As bytes (tags 2 and 3) where 64 bits are not enough. */
function writeBigNanos(out: ByteBuffer, nanos: bigint): void {
  const isNegative = nanos < 0n;
  const value = isNegative ? -1n - nanos : nanos;
  const hex = value.toString(16);
  if (hex.length <= 16) {
    out.byte((isNegative ? majors.negative : majors.unsigned) | 27);
    out.constant(Buffer.from(hex.padStart(16, '0'), 'hex'));
    return;
  }
  out.byte(majors.tag | (isNegative ? 3 : 2));
  const bytes = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex');
  writeHead(out, majors.bytes, bytes.length);
  out.constant(bytes);
}

/** The last second all of whose nanoseconds are below 2^64, rounded down. */
const secondsOf64Bits = 18_446_744_073;
/** Tag 4, an array of two, the exponent -9. */
const nineDecimals = Buffer.from([majors.tag | 4, majors.array | 2, majors.negative | 8]);
