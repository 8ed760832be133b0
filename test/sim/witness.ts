import type {ByteString} from '../../core/entry/byte-string.ts';
import {type DirectoryNumber, type Entry, kinds} from '../../core/entry/entry.ts';
import {PackedCursor} from '../../core/entry/packed.ts';
import {joinPath, type Path, rootPath} from '../../core/entry/path.ts';
import {doubts} from '../../core/tree/doubts.ts';
import {aboveRoot, rootDirectory, rootName, type TreeRead} from '../../core/tree/tree-store.ts';
import type {SimStorage} from './sim-storage.ts';

type Seen = Map<Path, Entry>;

/** Looks at the view after each change and says what must never be. It knows the truth and what the view showed before. */
export class Witness {
  readonly violations: string[] = [];
  /** False once the storage's clock was set, so that a later change may look older, or an agent lied: then only the end counts. */
  isTrusted = true;
  readonly #storage: SimStorage;
  readonly #nowMs: () => number;
  /** What the view showed last of a path that it shows no more, and until when. */
  readonly #dropped = new Map<Path, {version: number; at: number}>();
  #seen: Seen = new Map();

  constructor(storage: SimStorage, nowMs: () => number) {
    this.#storage = storage;
    this.#nowMs = nowMs;
  }

  /** Returns all that the view shows, on one line. */
  observe(txn: TreeRead): string {
    const seen = readAll(txn);
    const versions = new Set([...seen.values()].map(({size}) => size));
    for (const [path, entry] of this.#seen) {
      // What the view shows elsewhere now was renamed.
      if (!seen.has(path) && !versions.has(entry.size)) this.#onGone(path, entry);
    }
    for (const [path, entry] of seen) if (!this.#seen.has(path)) this.#onNew(path, entry);
    for (const line of [...wrongBlindSpots(txn), ...wrongTotals(txn, rootDirectory)]) this.#say(line);
    this.#seen = seen;
    return [...seen].map(([path, {size, isSuspect}]) => `${path}:${size}${isSuspect ? '?' : ''}`).join(' ');
  }

  /** In the end the view is the storage, and nothing is uncertain any more. */
  compare(txn: TreeRead): void {
    const seen = readAll(txn);
    const wanted = this.#storage.paths();
    for (const [path, inode] of wanted) {
      const entry = seen.get(path);
      if (!entry) this.#say(`${path} is missing at the end`);
      else if (entry.kind !== inode.kind || entry.size !== inode.version) {
        this.#say(`${path} is version ${entry.size} instead of ${inode.version} at the end`);
      } else if (entry.isSuspect) this.#say(`${path} is suspect at the end`);
      else if (entry.isBlindSpot) this.#say(`${path} is a blind spot at the end`);
    }
    for (const path of seen.keys()) if (!wanted.has(path)) this.#say(`${path} should not be there at the end`);
    for (const path of doubts(txn)) this.#say(`${path} is in doubt at the end`);
    for (const {directory, name} of txn.blindSpots()) {
      if (isReachable(txn, directory)) this.#say(`${name} is a blind spot at the end`);
    }
  }

  #say(line: string): void {
    this.violations.push(`${this.#nowMs().toFixed(0)} ms: ${line}`);
  }

  /** Nothing alive is deleted: the view knew what is there now, it never went, and the view drops it. */
  #onGone(path: Path, entry: Entry): void {
    this.#dropped.set(path, {version: entry.size, at: this.#nowMs()});
    const truth = this.#storage.residence(path);
    if (!truth || truth.isCarried || entry.size < truth.sinceVersion) return;
    if (this.#storage.ownerOfVersion(entry.size) !== truth.inode || !this.isTrusted) return;
    this.#say(`${path} is alive and was deleted`);
  }

  /** Nothing is resurrected: the view knew that it is gone, it never came back, and the view shows it, or older, again. */
  #onNew(path: Path, entry: Entry): void {
    const dropped = this.#dropped.get(path);
    const goneSince = this.#storage.goneSince(path);
    if (!dropped || goneSince === undefined || goneSince > dropped.at || !this.isTrusted) return;
    const isNews = entry.size > dropped.version; // though perhaps old news
    const owner = (version: number) => this.#storage.ownerOfVersion(version);
    // Something else of that name, as far as the view knows: it came with a directory that was renamed.
    const isOther = entry.size !== 0 && owner(entry.size) !== owner(dropped.version);
    if (isNews || isOther) return;
    this.#say(`${path} is gone and was resurrected (${entry.size})`);
  }
}

function readAll(txn: TreeRead): Seen {
  const seen: Seen = new Map();
  const add = (path: Path, entry: Entry) => {
    seen.set(path, entry);
    if (entry.directory === 0) return;
    for (const child of entriesOf(txn, entry.directory)) add(joinPath(path, child.name as ByteString), child);
  };
  const root = txn.entry(aboveRoot, rootName);
  if (root) add(rootPath, root);
  return seen;
}

function* entriesOf(txn: TreeRead, directory: DirectoryNumber): Iterable<Entry> {
  for (const run of txn.runs(directory)) {
    for (const cursor = new PackedCursor(run); !cursor.isAtEnd; cursor.next()) yield cursor.toEntry();
  }
}

/** The list of blind spots and the marks of the entries say the same. */
function wrongBlindSpots(txn: TreeRead): string[] {
  const wrong: string[] = [];
  let marked = 0;
  for (const {directory, name, change} of txn.blindSpots()) {
    if (!isReachable(txn, directory)) continue; // removed with all below it, and freed later
    const entry = txn.entry(directory, name);
    if ((change === 'deleted') === (entry !== undefined)) wrong.push(`${name} is in the list as ${change}`);
    if (change !== 'deleted') marked++;
  }
  const total = txn.directory(rootDirectory)?.totals.blindSpots;
  if (total !== marked) wrong.push(`${total} entries are marked as blind spots, and ${marked} listed`);
  return wrong;
}

/** The totals of a directory and of all below it, counted again. */
function wrongTotals(txn: TreeRead, directory: DirectoryNumber): string[] {
  const wrong: string[] = [];
  const count = (number: DirectoryNumber) => {
    const sums = {files: 0, directories: 0, bytes: 0, suspects: 0, blindSpots: 0, unlisted: 0};
    for (const entry of entriesOf(txn, number)) {
      if (entry.kind === kinds.file) {
        sums.files++;
        sums.bytes += entry.size;
      }
      if (entry.isSuspect) sums.suspects++;
      if (entry.isBlindSpot) sums.blindSpots++;
      if (entry.directory === 0) continue;
      const below = count(entry.directory);
      for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += below[key];
      sums.directories++;
      if (txn.directory(entry.directory)!.listedAt === 0) sums.unlisted++;
    }
    const {totals, name} = txn.directory(number)!;
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) {
      if (totals[key] !== sums[key]) wrong.push(`the total of ${key} of "${name}" is ${totals[key]}, not ${sums[key]}`);
    }
    return sums;
  };
  count(directory);
  return wrong;
}

function isReachable(txn: TreeRead, directory: DirectoryNumber): boolean {
  if (directory === rootDirectory) return true;
  const record = txn.directory(directory);
  return (
    record !== undefined &&
    txn.entry(record.parent, record.name)?.directory === directory &&
    isReachable(txn, record.parent)
  );
}
