import type {PackedCursor} from '../entry/packed.ts';
import type {ByteBuffer} from './byte-buffer.ts';
import type {DirectoryPath} from './directory-path.ts';
import {fieldsDefault, type NodeField} from './node-field.ts';
import {writeNode} from './node-writer.ts';
import {type Extent, extents, type TreeWriter} from './tree-writer.ts';

/** A node a line, the one that was asked for first, and a last line `{"meta": {…}}`. */
export class NdjsonWriter implements TreeWriter {
  readonly #fields: readonly NodeField[];

  constructor(fields: readonly NodeField[] = fieldsDefault.flat) {
    this.#fields = fields;
  }

  begin(out: ByteBuffer, start: PackedCursor, parent: DirectoryPath, extent: Extent): void {
    this.entry(out, start, parent, extent);
  }

  entry(out: ByteBuffer, cursor: PackedCursor, parent: DirectoryPath, extent: Extent): void {
    if (extent === extents.continued) return;
    writeNode(out, cursor, this.#fields, parent);
    const bytes = out.reserve(2);
    bytes[out.length++] = 0x7d;
    bytes[out.length++] = 0x0a;
  }

  close(): void {}

  end(out: ByteBuffer, meta: object): void {
    out.text(`${JSON.stringify({meta})}\n`);
  }

  beginList(): void {}

  endList(out: ByteBuffer, meta: object): void {
    this.end(out, meta);
  }
}
