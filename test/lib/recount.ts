import {PackedCursor} from '../../core/entry/packed.ts';
import {type DirectoryRecord, rootDirectory, type Totals, type TreeRead} from '../../core/tree/tree-store.ts';
import {addEntry, addState, addSums, newTotals} from '../../store/totals.ts';

/**
 * Counts what is below every directory anew, entry by entry, and tells where the stored totals say something else. The
 * high-water marks never go back, so they must only be at least what is there.
 */
export function wrongTotals(txn: TreeRead): string[] {
  const wrong: string[] = [];
  count(txn, txn.directory(rootDirectory)!, wrong);
  return wrong;
}

function count(txn: TreeRead, record: Readonly<DirectoryRecord>, wrong: string[]): Totals {
  const sum = newTotals();
  const below: number[] = [];
  for (const run of txn.runs(record.number)) {
    for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) {
      addEntry(sum, cursor, 1);
      if (cursor.directory !== 0) below.push(cursor.directory);
    }
  }
  for (const number of below) {
    const child = txn.directory(number);
    if (!child || child.parent !== record.number) {
      wrong.push(`directory ${number} is in ${record.number}, and its record is of ${child?.parent}`);
      continue;
    }
    addSums(sum, count(txn, child, wrong), 1);
    addState(sum, child, 1);
  }
  for (const key of sums) {
    if (record.totals[key] === sum[key]) continue;
    wrong.push(`${key} of directory ${record.number} is ${record.totals[key]}, counted ${sum[key]}`);
  }
  const {newestChange, newestRealtimeAt, newestFoundAt} = record.totals;
  const isTimeBelow = newestRealtimeAt < sum.newestRealtimeAt || newestFoundAt < sum.newestFoundAt;
  if (newestChange.seconds < sum.newestChange.seconds || isTimeBelow) {
    wrong.push(`a high-water mark of directory ${record.number} is below what is in it`);
  }
  return sum;
}

const sums = [
  'files',
  'directories',
  'others',
  'bytes',
  'unlisted',
  'unreadable',
  'suspects',
  'blindSpots',
] as const satisfies (keyof Totals)[];
