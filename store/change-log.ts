import type {DirectoryNumber} from '../core/entry/entry.ts';
import type {Path} from '../core/entry/path.ts';
import {type ChangeRow, ChangeRunWriter} from './change-codec.ts';
import {type Databases, getNumber, peek, putNumber} from './databases.ts';
import {numberBytes, directoryKey as numberKey} from './keys.ts';

/** As a leaf block: with its header a run then fills one page. */
const runBytesMax = 4_000;
/** What a row takes besides its value, about. */
const overheadBytes = 48;

type ChangeLogOptions = {
  /** The oldest go when there is more; the newest run stays in any case. */
  bytesMax: number;
  /** Undefined for a directory that nothing leads to. */
  pathOf: (directory: DirectoryNumber) => Path | undefined;
};

/**
 * The last changes of a view, written in the transaction that makes them.
 *
 * 1. A run stands under the `seq` before its first change, and holds all that can be seen up to where the next one begins.
 * 2. `from` is that of the oldest run; without any it is a `seq` behind which nothing was changed that can be seen.
 * 3. What is in memory is written by `flush`, at the end of a body, or when it fills a run.
 */
export class ChangeLog {
  readonly #db: Databases;
  readonly #options: ChangeLogOptions;
  readonly #run = new ChangeRunWriter();
  #directory: DirectoryNumber | undefined;
  #from = 0;
  #bytes = 0;
  #flushedFrom = 0;
  #flushedBytes = 0;

  constructor(db: Databases, options: ChangeLogOptions) {
    this.#db = db;
    this.#options = options;
  }

  get from(): number {
    return this.#from;
  }

  add(row: ChangeRow & {directory: DirectoryNumber}): void {
    const run = this.#run;
    const {directory} = row;
    if (run.length >= runBytesMax) this.write();
    if (run.length === 0) run.begin(row.seqBefore);
    if (directory !== this.#directory) {
      const path = this.#options.pathOf(directory);
      if (path === undefined) return;
      run.group(directory, path);
      this.#directory = directory;
    }
    run.row(row);
  }

  /** Directories may be called otherwise from here on. */
  endGroup(): void {
    this.#directory = undefined;
  }

  /** Writes what is in memory. */
  write(): void {
    const {bytes, length, firstSeqBefore} = this.#run;
    this.endGroup();
    if (length === 0) return;
    void this.#db.changes.put(numberKey(firstSeqBefore), bytes);
    this.#run.length = 0;
    this.#bytes += length + overheadBytes;
    while (this.#bytes > this.#options.bytesMax && this.#dropOldest());
  }

  /** At the end of a body. */
  flush(): void {
    this.write();
    if (this.#from !== this.#flushedFrom) putNumber(this.#db, 'changesFrom', this.#from);
    if (this.#bytes !== this.#flushedBytes) putNumber(this.#db, 'changesBytes', this.#bytes);
    this.#flushedFrom = this.#from;
    this.#flushedBytes = this.#bytes;
  }

  /** Goes back to what is stored. */
  forget(): void {
    this.#run.length = 0;
    this.endGroup();
    this.#from = this.#flushedFrom = getNumber(this.#db, 'changesFrom') ?? 0;
    this.#bytes = this.#flushedBytes = getNumber(this.#db, 'changesBytes') ?? 0;
  }

  /** False when only one run is left. */
  #dropOldest(): boolean {
    const [oldest, next] = [...this.#db.changes.getKeys({limit: 2})];
    if (!oldest || !next) return false;
    this.#bytes -= peek(this.#db.changes, oldest)!.byteLength + overheadBytes;
    void this.#db.changes.remove(oldest);
    this.#from = next.readUIntBE(0, numberBytes);
    return true;
  }
}
