import type {PackedCursor} from '../entry/packed.ts';
import type {ByteBuffer} from './byte-buffer.ts';
import {copyPlain, markedBytes} from './copy-plain.ts';
import type {DirectoryPath} from './directory-path.ts';
import {pathLine} from './path-line.ts';
import {type Extent, extents, type TreeWriter} from './tree-writer.ts';

const newline = 0x0a;

/**
 * Paths alone, as they are, one after the other; the one that was asked for first.
 *
 * `nul`: each is ended by a NUL, which no path has in it. `line`: each is a line, as `pathLine` has it.
 */
export class PathsWriter implements TreeWriter {
  readonly #end: number;
  readonly #marked: Uint8Array;

  constructor(ended: 'line' | 'nul') {
    this.#end = ended === 'line' ? newline : 0;
    this.#marked = ended === 'line' ? newlines : nothing;
  }

  begin(out: ByteBuffer, start: PackedCursor, parent: DirectoryPath, extent: Extent): void {
    this.entry(out, start, parent, extent);
  }

  entry(out: ByteBuffer, {run, nameOffset, nameLength}: PackedCursor, parent: DirectoryPath, extent: Extent): void {
    if (extent === extents.continued) return;
    const bytes = out.reserve(parent.length + nameLength + 1);
    let at = copyPlain(bytes, out.length, parent.bytes, 0, parent.length, this.#marked);
    if (at !== -1) at = copyPlain(bytes, at, run, nameOffset, nameOffset + nameLength, this.#marked);
    if (at === -1) {
      const name = run.subarray(nameOffset, nameOffset + nameLength);
      out.constant(pathLine(Buffer.concat([parent.bytes.subarray(0, parent.length), name])));
      return;
    }
    bytes[at] = this.#end;
    out.length = at + 1;
  }

  close(): void {}
  end(): void {}
  beginList(): void {}
  endList(): void {}
}

const newlines = markedBytes(byte => byte === newline);
const nothing = markedBytes(() => false);
