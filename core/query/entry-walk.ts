import type {ByteString} from '../entry/byte-string.ts';
import type {DirectoryNumber} from '../entry/entry.ts';
import {PackedCursor} from '../entry/packed.ts';
import {joinPath, type Path, pathNames} from '../entry/path.ts';
import type {TreeRead} from '../tree/tree-store.ts';

/** A directory that the walk is in. Between two snapshots only `last` counts; within one, `place` knows the entry itself. */
type Frame = {directory: DirectoryNumber; path: Path; last: ByteString | undefined; place: Place | undefined};
type Place = {runs: Iterator<Uint8Array>; cursor: PackedCursor; isTaken: boolean};

/** False to stop the walk behind this entry. The cursor may only be read during the call. */
export type Visit = (parent: Path, cursor: PackedCursor) => boolean;

/**
 * Goes through all that is below a directory, depth first, each directory in the order of its names. It can stop behind any
 * entry and go on in a later snapshot: what did not change meanwhile is met exactly once.
 */
export class EntryWalk {
  readonly #frames: Frame[];

  /** Begins below the directory that is at `path`; there is nothing below what is none. */
  constructor(directory: DirectoryNumber | undefined, path: Path) {
    this.#frames = directory ? [{directory, path, last: undefined, place: undefined}] : [];
  }

  /** Goes to behind a path below the start, which need not exist any more. */
  resume(txn: TreeRead, behind: Path): void {
    const start = this.#frames[0];
    if (!start) return;
    for (const name of pathNames(behind).slice(pathNames(start.path).length)) {
      const frame = this.#frames.at(-1)!;
      frame.last = name;
      const directory = txn.entry(frame.directory, name)?.directory ?? 0;
      if (directory === 0) return;
      this.#frames.push({directory, path: joinPath(frame.path, name), last: undefined, place: undefined});
    }
  }

  /** True when nothing is left. */
  walk(txn: TreeRead, visit: Visit): boolean {
    let goesOn = true;
    while (goesOn && this.#frames.length > 0) {
      const frame = this.#frames.at(-1)!;
      const cursor = nextIn(txn, frame);
      if (!cursor) {
        this.#frames.pop();
        continue;
      }
      frame.place!.isTaken = true;
      goesOn = visit(frame.path, cursor);
      if (cursor.directory === 0) continue;
      const path = joinPath(frame.path, cursor.name);
      this.#frames.push({directory: cursor.directory, path, last: undefined, place: undefined});
    }
    for (const frame of this.#frames) {
      if (frame.place?.isTaken) frame.last = frame.place.cursor.name;
      frame.place = undefined;
    }
    return this.#frames.length === 0;
  }
}

/** The first entry that was not taken, or undefined behind the last. */
function nextIn(txn: TreeRead, frame: Frame): PackedCursor | undefined {
  const {last} = frame;
  frame.place ??= {
    runs: txn.runs(frame.directory, last)[Symbol.iterator](),
    cursor: new PackedCursor(new Uint8Array()),
    isTaken: false,
  };
  const {place} = frame;
  const {runs, cursor} = place;
  if (place.isTaken) cursor.next();
  place.isTaken = false;
  for (;;) {
    while (last !== undefined && !cursor.isAtEnd && cursor.compareName(last) <= 0) cursor.next();
    if (!cursor.isAtEnd) return cursor;
    const next = runs.next();
    if (next.done) return undefined;
    cursor.reset(next.value);
  }
}
