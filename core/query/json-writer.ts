import type {PackedCursor} from '../entry/packed.ts';
import type {ByteBuffer} from './byte-buffer.ts';
import type {DirectoryPath} from './directory-path.ts';
import {fieldsDefault, leadingFields, type NodeField, orderedFields} from './node-field.ts';
import {writeNode} from './node-writer.ts';
import {type Extent, extents, type TreeWriter} from './tree-writer.ts';

/** `{"data": node, "meta": {…}}`, nodes in each other as `children`; or `{"data": [node, …], "meta": {…}}`. */
export class JsonWriter implements TreeWriter {
  readonly #fields: readonly NodeField[];
  #isFirst = true;

  constructor(fields: readonly NodeField[] = fieldsDefault.nested) {
    this.#fields = fields;
  }

  begin(out: ByteBuffer, start: PackedCursor, parent: DirectoryPath, extent: Extent): void {
    out.constant(dataKey);
    this.#write(out, start, parent, {fields: orderedFields([...this.#fields, 'path']), extent});
  }

  entry(out: ByteBuffer, cursor: PackedCursor, parent: DirectoryPath, extent: Extent): void {
    if (this.#isFirst) this.#isFirst = false;
    else out.byte(0x2c);
    if (extent === extents.leaf) {
      writeNode(out, cursor, this.#fields, parent);
      out.byte(0x7d);
    } else this.#write(out, cursor, parent, {fields: this.#fields, extent});
  }

  close(out: ByteBuffer): void {
    this.#isFirst = false;
    out.constant(closed);
  }

  end(out: ByteBuffer, meta: object): void {
    out.text(`,"meta":${JSON.stringify(meta)}}`);
  }

  beginList(out: ByteBuffer): void {
    out.constant(listKey);
  }

  endList(out: ByteBuffer, meta: object): void {
    out.byte(0x5d);
    this.end(out, meta);
  }

  #write(
    out: ByteBuffer,
    cursor: PackedCursor,
    parent: DirectoryPath,
    {fields, extent}: {fields: readonly NodeField[]; extent: Extent},
  ): void {
    const isContinued = extent === extents.continued;
    writeNode(out, cursor, isContinued ? leadingFields(fields) : fields, parent);
    if (isContinued) out.constant(continuedKey);
    if (extent === extents.leaf) out.byte(0x7d);
    else {
      const isEmpty = out.last === brace; // a directory of which nothing is known that was asked for
      out.constant(isEmpty ? childrenKey.subarray(1) : childrenKey);
      this.#isFirst = true;
    }
  }
}

const brace = 0x7b;
const dataKey = Buffer.from('{"data":');
const listKey = Buffer.from('{"data":[');
const continuedKey = Buffer.from(',"continued":true');
const childrenKey = Buffer.from(',"children":[');
const closed = Buffer.from(']}');
