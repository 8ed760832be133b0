import type {DirectoryNumber} from '../core/entry/entry.ts';
import type {NameParts} from '../core/tree/tree-store.ts';
import {peek, type Table} from './databases.ts';
import {groupOf, groupSize} from './filter-group.ts';
import {directoryKey, numberBytes} from './keys.ts';
import {bytesIn, hasAll, trigramsOf} from './name-signature.ts';

/** So many rows take about as long as a look into a directory. */
const pauseEvery = 8;

/** The trigrams that a name must have, for each alternative. Undefined where it may be any name. */
export type WantedNames = readonly (readonly number[])[];

export function wantedNames(parts: NameParts): WantedNames | undefined {
  const wanted = parts.map(alternative => [...new Set(alternative.flatMap(trigramsOf))]);
  return wanted.every(trigrams => trigrams.length > 0) ? wanted : undefined;
}

/**
 * The directories from one on that may have a name that is wanted, by their numbers. Where there are none for a while it says so:
 * all before `directory` were looked at, and it is no candidate itself.
 */
export function* candidates(
  filters: Table,
  wanted: WantedNames,
  from: DirectoryNumber,
): Iterable<{directory: DirectoryNumber; isCandidate: boolean}> {
  let rows = 0;
  for (let group = groupOf(from); ; group++) {
    let row = peek(filters, directoryKey(group));
    if (!row) {
      const [next] = [...filters.getKeys({start: directoryKey(group), limit: 1})];
      if (!next) return;
      group = next.readUIntBE(0, numberBytes);
      row = peek(filters, next)!;
    }
    const found = inGroup(row, group, wanted); // all before the first is told: the row is shared memory
    for (const directory of found) {
      if (directory >= from) yield {directory, isCandidate: true};
    }
    if (++rows % pauseEvery === 0) yield {directory: (group + 1) * groupSize, isCandidate: false};
  }
}

function inGroup(row: Buffer, group: number, wanted: WantedNames): DirectoryNumber[] {
  const found: number[] = [];
  let at = groupSize;
  for (let slot = 0; slot < groupSize; slot++) {
    const exponent = row[slot]!;
    const signature = {bytes: row, at, exponent, directory: group * groupSize + slot};
    if (wanted.some(trigrams => hasAll(signature, trigrams))) found.push(signature.directory);
    at += bytesIn(exponent);
  }
  return found;
}
