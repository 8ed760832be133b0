import {type Database, getLastTxnId, open, type RootDatabase} from 'lmdb';
import {locked} from './file-lock.ts';
import {maxReaders, prepareLockFile} from './room.ts';

/** Exported by lmdb-js, and missing in its types. */
declare module 'lmdb' {
  export function getLastTxnId(): number;
}

export type Table = Database<Buffer, Buffer>;
type Range = {start?: Buffer; exclusiveStart?: boolean; end?: Buffer};

/**
 * The tables of a view. Keys (`keys.ts`) and values are bytes.
 *
 * - `blocks`: directory, lower bound of the names in it → a run of packed entries. A directory's first block has no name.
 * - `directories`: number → record (`directory-codec.ts`); 0 is the place above the root.
 * - `orphans`: numbers of removed directories whose blocks are still to be freed.
 * - `tombstones`, `blindSpots`: directory, name → value. `suspects`: expiry, directory, name → value.
 * - `changes`: seq before the first change in it → a run of changes (`change-codec.ts`).
 * - `filters`: directory / 16 → signatures of names (`filter-group.ts`).
 * - `states`: name → CBOR. `meta`: name → f64, or the store's id.
 */
export type Databases = {
  root: RootDatabase<Buffer, Buffer>;
  blocks: Table;
  directories: Table;
  orphans: Table;
  tombstones: Table;
  suspects: Table;
  blindSpots: Table;
  changes: Table;
  filters: Table;
  states: Table;
  meta: Table;
};

const tableNames = [
  'blocks',
  'directories',
  'orphans',
  'tombstones',
  'suspects',
  'blindSpots',
  'changes',
  'filters',
  'states',
  'meta',
] as const satisfies (keyof Databases)[];

const portionMin = 4;
const portionMax = 64;

const binary = {encoding: 'binary', keyEncoding: 'binary'} as const;

/** Undefined when the environment has other tables. */
export function openDatabases(path: string, options: {readOnly: boolean; turnMs?: number}): Databases | undefined {
  return openTables(path, tableNames, options);
}

/**
 * Undefined when the environment has other tables. Processes open and close one after another: LMDB sets up the lock file
 * with the first and takes it down with the last, and lmdb-js fails for good if two of them meet there. `turnMs`: how long to
 * wait for the turn, when not for ever.
 */
export function openTables<const Name extends string>(
  path: string,
  names: readonly Name[],
  {readOnly, turnMs}: {readOnly: boolean; turnMs?: number},
): (Record<Name, Table> & {root: RootDatabase<Buffer, Buffer>}) | undefined {
  const openAll = () => {
    prepareLockFile(`${path}-lock`);
    const root = open<Buffer, Buffer>({path, noSubdir: true, maxDbs: names.length, maxReaders, readOnly, ...binary});
    try {
      const tables = names.map(name => root.openDB<Buffer, Buffer>(name, binary) as Table | undefined);
      if (!tables.includes(undefined)) {
        const opened = Object.fromEntries(names.map((name, index) => [name, tables[index]])) as Record<Name, Table>;
        return {...opened, root};
      }
    } catch (error) {
      void root.close();
      throw error;
    }
    void root.close();
    return undefined;
  };
  return locked(doorOf(path), openAll, turnMs);
}

/** Nothing may be waiting to be written. */
export async function closeDatabases(
  path: string,
  {root}: Pick<Databases, 'root'>,
  {turnMs}: {turnMs?: number} = {},
): Promise<void> {
  await locked(doorOf(path), () => root.close(), turnMs);
}

function doorOf(path: string): string {
  return `${path}-open`;
}

/** A value in memory that all reads share: valid only until the next read of any table. */
export function peek(table: Table, key: Buffer): Buffer | undefined {
  const shared = table.getBinaryFast(key);
  return shared?.subarray(0, shared.length); // lmdb-js tells the value's end only by setting `length`
}

/**
 * Number of the transaction that wrote last before the current snapshot. LMDB notes in each page who wrote it, and a commit
 * writes the page in which the tables themselves are listed anew; lmdb-js tells it of the page that was read last. `name` is any
 * table's. Undefined if there is no such table.
 */
export function lastCommit({root}: Pick<Databases, 'root'>, name: string): number | undefined {
  return root.getBinaryFast(Buffer.from(`${name}\0`)) && getLastTxnId();
}

/**
 * Rows in order, read in portions. An iterator of LMDB that is not walked to its end would pin its snapshot for good, and
 * does not outlive a write; here each portion is complete before its first row is given.
 */
export function* rowsOf(table: Table, range: Range): Iterable<{key: Buffer; value: Buffer}> {
  let rest = range;
  for (let limit = portionMin; ; limit = Math.min(2 * limit, portionMax)) {
    const rows = [...table.getRange({...rest, limit})];
    yield* rows;
    if (rows.length < limit) return;
    rest = {...range, start: rows.at(-1)!.key, exclusiveStart: true};
  }
}

/** Like `rowsOf`, without the values. */
export function* keysOf(table: Table, range: Range): Iterable<Buffer> {
  let rest = range;
  for (let limit = portionMin; ; limit = Math.min(2 * limit, portionMax)) {
    const keys = [...table.getKeys({...rest, limit})];
    yield* keys;
    if (keys.length < limit) return;
    rest = {...range, start: keys.at(-1)!, exclusiveStart: true};
  }
}

export function getNumber({meta}: Pick<Databases, 'meta'>, name: string): number | undefined {
  return peek(meta, Buffer.from(name))?.readDoubleLE(0);
}

export function putNumber({meta}: Pick<Databases, 'meta'>, name: string, value: number): void {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleLE(value);
  void meta.put(Buffer.from(name), bytes);
}

export function getText({meta}: Pick<Databases, 'meta'>, name: string): string | undefined {
  return peek(meta, Buffer.from(name))?.toString('latin1');
}

export function putText({meta}: Pick<Databases, 'meta'>, name: string, text: string): void {
  void meta.put(Buffer.from(name), Buffer.from(text, 'latin1'));
}

/**
 * lmdb-js keeps one read transaction for all reads of a turn of the event loop. Ended before, so that a body sees the newest
 * commit, and after, so that nothing pins old pages.
 */
export function readSnapshot<T>({root}: Pick<Databases, 'root'>, body: () => T): T {
  root.resetReadTxn();
  try {
    return body();
  } finally {
    root.resetReadTxn();
  }
}
