/**
 * Memory for each of so many beyond what the process has without any. What it has without any varies by some megabytes, so that it
 * can be less than nothing where they are few: then nothing was found, and what it is measured against says both.
 */
export function bytesEach({bytes, base, count}: {bytes: number; base: number; count: number}): number {
  return Math.max(0, bytes - base) / count;
}
