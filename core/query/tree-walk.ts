import type {ByteString} from '../entry/byte-string.ts';
import type {DirectoryNumber} from '../entry/entry.ts';
import {PackedCursor, packRun} from '../entry/packed.ts';
import type {Path} from '../entry/path.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import type {ByteBuffer} from './byte-buffer.ts';
import {DirectoryPath} from './directory-path.ts';
import {type Extent, extents, type TreeWriter} from './tree-writer.ts';

export type WalkOptions = {
  /** Levels below the start: 0 none, 1 its children. */
  depthMax: number;
  /** Entries to write, the start not counted. */
  limit: number;
};

/**
 * A directory that is open in the output. Between two snapshots only `last` counts, the newest name that was written in it;
 * within one, `place` knows the entry itself.
 */
type Frame = {directory: DirectoryNumber; last: ByteString | undefined; place: Place | undefined};
type Place = {runs: Iterator<Uint8Array>; cursor: PackedCursor; isWritten: boolean};

/**
 * Writes the children of a directory, depth first, straight from packed entries. It can stop after any entry
 * and go on in a later snapshot of the tree, because all that it remembers is names: what did not change meanwhile is
 * written exactly once, a directory that has gone is closed where it is.
 */
export class TreeWalk {
  readonly #options: WalkOptions;
  readonly #writer: TreeWriter;
  /** Of the innermost frame's directory. */
  readonly #path = new DirectoryPath();
  readonly #frames: Frame[] = [];
  #written = 0;
  #lastNames: readonly ByteString[] = [];

  /** Begins below `start`, which `writer` was told of as open. */
  constructor(start: {directory: DirectoryNumber; path: Path}, options: WalkOptions, writer: TreeWriter) {
    this.#options = options;
    this.#writer = writer;
    this.#path.set(start.path);
    if (options.depthMax > 0) this.#frames.push({directory: start.directory, last: undefined, place: undefined});
  }

  get isAtEnd(): boolean {
    return this.#frames.length === 0;
  }

  get isAtLimit(): boolean {
    return this.#written >= this.#options.limit;
  }

  /** Names from the start to the last entry that was written. */
  get lastNames(): readonly ByteString[] {
    return this.#lastNames;
  }

  /** Goes to where an earlier answer ended: opens the directories on the way, marked `continued`. */
  resume(txn: TreeRead, out: ByteBuffer, names: readonly ByteString[]): void {
    for (const [index, name] of names.entries()) {
      const frame = this.#frames.at(-1)!;
      frame.last = name;
      const entry = txn.entry(frame.directory, name);
      if (!entry?.directory || this.#frames.length >= this.#options.depthMax) return;
      this.#open(out, new PackedCursor(packRun([entry])), extents.continued);
      if (index === names.length - 1) return;
    }
  }

  /** Writes until the end, the limit, or about `bytesMax` bytes. Closes what it opened when it has come to the end. */
  write(txn: TreeRead, out: ByteBuffer, bytesMax: number): void {
    while (this.#frames.length > 0 && !this.isAtLimit && out.length < bytesMax) {
      const frame = this.#frames.at(-1)!;
      const cursor = this.#nextIn(txn, frame);
      if (cursor) this.#writeEntry(out, frame, cursor);
      else this.#close(out);
    }
    for (const frame of this.#frames) if (frame.place?.isWritten) frame.last = frame.place.cursor.name;
    this.#lastNames = this.#frames.flatMap(({last}) => (last === undefined ? [] : [last]));
    // At the limit: nothing may follow that would deserve another page.
    while (this.isAtLimit && this.#frames.length > 0 && !this.#nextIn(txn, this.#frames.at(-1)!)) this.#close(out);
    for (const frame of this.#frames) frame.place = undefined;
  }

  /** Closes all that is open, for an answer that ends before the walk does. */
  closeAll(out: ByteBuffer): void {
    for (const _ of this.#frames) this.#writer.close(out);
  }

  #close(out: ByteBuffer): void {
    this.#frames.pop();
    this.#path.leave();
    this.#writer.close(out);
  }

  #writeEntry(out: ByteBuffer, frame: Frame, cursor: PackedCursor): void {
    frame.place!.isWritten = true;
    this.#written++;
    const isEntered = cursor.directory !== 0 && this.#frames.length < this.#options.depthMax;
    if (isEntered) this.#open(out, cursor, extents.open);
    else this.#writer.entry(out, cursor, this.#path, extents.leaf);
  }

  #open(out: ByteBuffer, cursor: PackedCursor, extent: Extent): void {
    const {directory, run, nameOffset, nameLength} = cursor;
    this.#writer.entry(out, cursor, this.#path, extent);
    this.#path.enter(run, nameOffset, nameOffset + nameLength);
    this.#frames.push({directory, last: undefined, place: undefined});
  }

  /** The first entry of the frame that was not written, or undefined behind the last. */
  #nextIn(txn: TreeRead, frame: Frame): PackedCursor | undefined {
    const {last} = frame;
    if (!frame.place) {
      const runs = txn.runs(frame.directory, last)[Symbol.iterator]();
      frame.place = {runs, cursor: new PackedCursor(new Uint8Array()), isWritten: false};
    }
    const {place} = frame;
    const {runs, cursor} = place;
    if (place.isWritten) cursor.next();
    place.isWritten = false;
    for (;;) {
      if (last !== undefined && this.#isBehind(cursor, last)) return cursor;
      if (last === undefined && !cursor.isAtEnd) return cursor;
      const next = runs.next();
      if (next.done) return undefined;
      cursor.reset(next.value);
    }
  }

  /** Goes on to the first entry behind a name; false at the end of the run. */
  #isBehind(cursor: PackedCursor, last: ByteString): boolean {
    while (!cursor.isAtEnd && cursor.compareName(last) <= 0) cursor.next();
    return !cursor.isAtEnd;
  }
}
