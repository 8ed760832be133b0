/**
 * Copies bytes, unless one of them is marked in a table of 256. Returns where it ends, or -1: then what is behind `at` is of no
 * use. There must be room. Runs for each name of each answer: byte by byte is faster than a view and a copy of it.
 */
export function copyPlain(
  to: Uint8Array,
  at: number,
  from: Uint8Array,
  start: number,
  end: number,
  marked: Uint8Array,
): number {
  let next = at;
  for (let i = start; i < end; i++) {
    const byte = from[i]!;
    if (marked[byte] === 1) return -1;
    to[next++] = byte;
  }
  return next;
}

/** Such a table. */
export function markedBytes(isMarked: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({length: 256}, (_, byte) => Number(isMarked(byte)));
}
