import type {Attributes, FileTime} from '../../core/entry/entry.ts';

/**
 * How long before a reading a directory must have changed for last, in the storage's time, so that its times tell of every
 * later change: what changes it twice within one step of its clock leaves the same times. Steps are 4 ms on Linux, and 2 s where
 * they are longest (FAT).
 */
export const racyMs = 2_000;

/**
 * A directory's own times in one number of 53 bits: two different ones are taken for the same once in 10^15 times. Never 0.
 * (The mixing is cyrb53, of public domain.)
 */
export function stampOf({mtime, ctime}: Attributes): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (const part of [mtime.seconds, mtime.nanos, ctime.seconds, ctime.nanos]) {
    high = Math.imul(high ^ part, 2_654_435_761);
    low = Math.imul(low ^ part, 1_597_334_677);
    high ^= high >>> 15;
    low ^= low >>> 13;
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 2 ** 32 * (high & 0x1fffff) + (low >>> 0) || 1;
}

export function timeToMs({seconds, nanos}: FileTime): number {
  return seconds * 1_000 + nanos / 1e6;
}
