import type {ByteString} from '../core/entry/byte-string.ts';
import type {DirectoryNumber} from '../core/entry/entry.ts';
import {PackedCursor} from '../core/entry/packed.ts';

/**
 * The signature of a directory: a bit for each trigram (three bytes in a row, letters of ASCII in lower case) that is in one of
 * its names. A name with a trigram whose bit is not set is not there; with all bits set it may be.
 *
 * It has 2^exponent bits, and a trigram's bit is the end of its hash, so that a shorter signature is a longer one folded. Each
 * directory has a hash of its own: where many have the same names, a trigram that is mistaken for another is so in few of them.
 */
export type Signature = {exponent: number; bits: Uint8Array};

const exponentMin = 6;
const exponentMax = 13;
/** Stands for an exponent where so many trigrams are in the names that no signature would tell anything. */
export const anyName = 0xff;
export const noNames: Signature = {exponent: 0, bits: new Uint8Array()};
const anything: Signature = {exponent: anyName, bits: new Uint8Array()};

/** With more bits set it is made anew, with so few that it can grow: what is asked for has several trigrams, all must hit. */
const setMax = 3 / 8;
const setWhenMade = 1 / 4;

const lower = Uint8Array.from({length: 256}, (_, byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));

/** The hash is a product: by a number whose last byte is 0, so that only the last three bytes that came count. */
function factorOf(directory: DirectoryNumber): number {
  return (Math.imul(directory % 2 ** 24, 0x9e3779b1) | 1) << 8;
}

function hashOf(bytes: number, factor: number): number {
  return Math.imul(bytes, factor) >>> (32 - exponentMax);
}

const lengths = Uint16Array.from({length: anyName + 1}, (_, exponent) =>
  exponent === 0 || exponent > exponentMax ? 0 : 2 ** (exponent - 3),
);

/** How many bytes the bits take. */
export function bytesIn(exponent: number): number {
  return lengths[exponent]!;
}

/** The trigrams in a part of a name. */
export function trigramsOf(part: ByteString): number[] {
  const trigrams = new Set<number>();
  let last = 0;
  for (let i = 0; i < part.length; i++) {
    last = ((last << 8) | lower[part.charCodeAt(i)]!) & 0xffffff;
    if (i >= 2) trigrams.add(last);
  }
  return [...trigrams];
}

/** Whether the signature of a directory, whose bits begin somewhere in `bytes`, has those of all trigrams. */
export function hasAll(
  {bytes, at, exponent, directory}: {bytes: Uint8Array; at: number; exponent: number; directory: DirectoryNumber},
  trigrams: readonly number[],
): boolean {
  if (exponent === anyName) return true;
  if (exponent === 0) return false;
  const factor = factorOf(directory);
  const mask = (1 << exponent) - 1;
  for (const trigram of trigrams) {
    const bit = hashOf(trigram, factor) & mask;
    if ((bytes[at + (bit >> 3)]! & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

/** Adds the entry's name to the signature of its directory, in place. False when nothing is new. */
export function addName(
  {exponent, bits}: Signature,
  directory: DirectoryNumber,
  {run, nameOffset, nameLength}: PackedCursor,
): boolean {
  const factor = factorOf(directory);
  const mask = (1 << exponent) - 1;
  let isNew = false;
  let last = 0;
  for (let i = 0; i < nameLength; i++) {
    last = (last << 8) | lower[run[nameOffset + i]!]!;
    if (i < 2) continue;
    const bit = hashOf(last, factor) & mask;
    const flag = 1 << (bit & 7);
    if ((bits[bit >> 3]! & flag) !== 0) continue;
    bits[bit >> 3]! |= flag;
    isNew = true;
  }
  return isNew;
}

export function isOverfull({exponent, bits}: Signature): boolean {
  let set = 0;
  for (const byte of bits) set += bitCount(byte);
  return set > setMax * 2 ** exponent;
}

/** Makes signatures, one after another. */
export class SignatureMaker {
  readonly #words = new Int32Array(2 ** exponentMax / 32);
  readonly #bytes = Buffer.from(this.#words.buffer);
  readonly #cursor = new PackedCursor();

  /** Of all names in the runs of a directory. */
  make(directory: DirectoryNumber, runs: Iterable<Uint8Array>): Signature {
    const words = this.#words.fill(0);
    const factor = factorOf(directory);
    let hasNames = false;
    for (const run of runs) if (this.#add(run, factor)) hasNames = true;
    if (!hasNames) return noNames;
    // Counted in a quarter: bits are set anywhere.
    let set = 0;
    for (let i = 0; i < words.length / 4; i++) set += 4 * bitCount(words[i]!);
    if (set > setMax * 2 ** exponentMax) return anything;
    let exponent = exponentMin;
    while (exponent < exponentMax && set > setWhenMade * 2 ** exponent) exponent++;
    for (let length = words.length; length > 2 ** exponent / 32; length /= 2) this.#fold(length / 2);
    return {exponent, bits: Buffer.from(this.#bytes.subarray(0, bytesIn(exponent)))};
  }

  /** False when no name has three bytes. */
  #add(run: Uint8Array, factor: number): boolean {
    const words = this.#words;
    const cursor = this.#cursor.reset(run);
    const bytes = cursor.run;
    let hasNames = false;
    for (; !cursor.isAtEnd; cursor.next()) {
      const from = cursor.nameOffset;
      const until = from + cursor.nameLength;
      if (until - from < 3) continue;
      hasNames = true;
      let last = (lower[bytes[from]!]! << 8) | lower[bytes[from + 1]!]!;
      for (let at = from + 2; at < until; at++) {
        last = (last << 8) | lower[bytes[at]!]!;
        const bit = hashOf(last, factor);
        words[bit >> 5]! |= 1 << (bit & 31);
      }
    }
    return hasNames;
  }

  /** Lays the second half over the first. */
  #fold(length: number): void {
    const words = this.#words;
    for (let i = 0; i < length; i++) words[i]! |= words[i + length]!;
  }
}

function bitCount(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
