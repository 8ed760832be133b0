import type {ByteString} from '../entry/byte-string.ts';
import type {DirectoryNumber} from '../entry/entry.ts';
import {PackedCursor} from '../entry/packed.ts';
import type {TreeRead} from '../tree/tree-store.ts';
import type {ByteBuffer} from './byte-buffer.ts';
import {writeName} from './json-values.ts';
import {writeNode} from './node-writer.ts';

export type WalkOptions = {
  /** Levels below the start: 0 none, 1 its children. */
  depthMax: number;
  onlyPath: boolean;
  /** Entries to write, the start not counted. */
  limit: number;
};

/**
 * A directory that is open in the output. Between two snapshots only `last` counts, the newest name that was written in it;
 * within one, `place` knows the entry itself.
 */
type Frame = {directory: DirectoryNumber; last: ByteString | undefined; isEmpty: boolean; place: Place | undefined};
type Place = {runs: Iterator<Uint8Array>; cursor: PackedCursor; isWritten: boolean};

/**
 * Writes the children of a directory, depth first, as JSON bytes straight from packed entries. It can stop after any entry
 * and go on in a later snapshot of the tree, because all that it remembers is names: what did not change meanwhile is
 * written exactly once, a directory that has gone is closed where it is.
 */
export class TreeWalk {
  readonly #options: WalkOptions;
  readonly #frames: Frame[] = [];
  #written = 0;
  #lastNames: readonly ByteString[] = [];

  /** Begins below `directory`. */
  constructor(directory: DirectoryNumber, options: WalkOptions) {
    this.#options = options;
    if (options.depthMax > 0) this.#frames.push({directory, last: undefined, isEmpty: true, place: undefined});
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
      const bytes = Buffer.from(name, 'latin1');
      out.byte(0x7b);
      writeName(out, 'name', bytes, 0, bytes.length);
      out.ascii(',"continued":true,"children":[');
      frame.isEmpty = false;
      this.#frames.push({directory: entry.directory, last: undefined, isEmpty: true, place: undefined});
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
    for (const _ of this.#frames) out.ascii(']}');
  }

  #close(out: ByteBuffer): void {
    this.#frames.pop();
    out.ascii(']}');
  }

  #writeEntry(out: ByteBuffer, frame: Frame, cursor: PackedCursor): void {
    if (!frame.isEmpty) out.byte(0x2c);
    frame.isEmpty = false;
    frame.place!.isWritten = true;
    this.#written++;
    writeNode(out, cursor, this.#options.onlyPath);
    const isEntered = cursor.directory !== 0 && this.#frames.length < this.#options.depthMax;
    if (!isEntered) {
      out.byte(0x7d);
      return;
    }
    out.constant(childrenKey);
    this.#frames.push({directory: cursor.directory, last: undefined, isEmpty: true, place: undefined});
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

const childrenKey = Buffer.from(',"children":[');
