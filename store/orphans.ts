import type {DirectoryNumber} from '../core/entry/entry.ts';
import {PackedCursor} from '../core/entry/packed.ts';
import type {Databases} from './databases.ts';
import {behindDirectory, directoryKey, numberBytes} from './keys.ts';

/**
 * Directories that were removed, with the subtree, in one step: nothing leads to them any more, and what they hold is
 * freed later, a few blocks at a time. The directories in them are orphans from the moment their parent's block is freed.
 * Rows of suspects are left: they go when their time comes, and mean nothing without their entry.
 */
export function addOrphan({orphans}: Databases, directory: DirectoryNumber): void {
  void orphans.put(directoryKey(directory), Buffer.alloc(1));
}

/** Frees up to `limit` blocks, and the other rows of orphans that have none left. False when no orphans are left. */
export function collectOrphans(db: Databases, limit: number, orphan: (directory: DirectoryNumber) => void): boolean {
  let left = limit;
  for (const key of [...db.orphans.getKeys({limit})]) {
    const range = {start: key, end: behindDirectory(key.readUIntBE(0, numberBytes))};
    for (const block of [...db.blocks.getRange({...range, limit: left})]) {
      for (const cursor = new PackedCursor(block.value); !cursor.isAtEnd; cursor.next()) {
        if (cursor.directory !== 0) orphan(cursor.directory);
      }
      void db.blocks.remove(block.key);
      left--;
    }
    if (left === 0) return true;
    for (const table of [db.tombstones, db.blindSpots]) {
      for (const row of [...table.getKeys(range)]) void table.remove(row);
    }
    void db.orphans.remove(key);
  }
  return [...db.orphans.getKeys({limit: 1})].length > 0;
}
