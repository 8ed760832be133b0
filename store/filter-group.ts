import type {DirectoryNumber} from '../core/entry/entry.ts';
import {bytesIn, noNames, type Signature} from './name-signature.ts';

/** So many neighbouring directories share a row: a row for each would take ten times as long to read. */
export const groupSize = 16;

export function groupOf(directory: DirectoryNumber): number {
  return Math.floor(directory / groupSize);
}

/** The first directory behind all groups that have one before `directory`. */
export function behindGroupOf(directory: DirectoryNumber): DirectoryNumber {
  return Math.ceil(directory / groupSize) * groupSize;
}

/**
 * The signatures of the directories of a group, as a row of `filters` has them; none where there is no row.
 *
 *     0   u8 × 16   exponents; 0: no names
 *     16            the bits of each
 *
 * What it gives is the row's own memory.
 */
export function readGroup(row: Buffer | undefined): Signature[] {
  let at = groupSize;
  return Array.from({length: groupSize}, (_, slot) => {
    const exponent = row?.[slot] ?? 0;
    if (!row || exponent === 0) return noNames;
    const start = at;
    at += bytesIn(exponent);
    return {exponent, bits: row.subarray(start, at)};
  });
}

/** The row, or undefined when none of the directories has names. */
export function writeGroup(signatures: readonly Signature[]): Buffer | undefined {
  if (signatures.every(({exponent}) => exponent === 0)) return undefined;
  return Buffer.concat([Uint8Array.from(signatures, ({exponent}) => exponent), ...signatures.map(({bits}) => bits)]);
}
