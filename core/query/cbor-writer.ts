import {Encoder} from 'cbor-x';
import {type Kind, kindNames} from '../entry/entry.ts';
import type {PackedCursor} from '../entry/packed.ts';
import type {ByteBuffer} from './byte-buffer.ts';
import {majors, writeCborName, writeCborTime, writeHead, writeText} from './cbor-values.ts';
import type {DirectoryPath} from './directory-path.ts';
import {fieldsDefault, leadingFields, type NodeField, orderedFields} from './node-field.ts';
import {type Extent, extents, type TreeWriter} from './tree-writer.ts';

/**
 * The document that JSON has, as CBOR. Nodes and their children are of indefinite length, so that nothing is counted before it is
 * written. A name that is not UTF-8 is in `name_bytes` as it is; a time with a fraction is a decimal fraction (tag 4), exact.
 */
export class CborWriter implements TreeWriter {
  readonly #fields: readonly NodeField[];

  constructor(fields: readonly NodeField[] = fieldsDefault.nested) {
    this.#fields = fields;
  }

  begin(out: ByteBuffer, start: PackedCursor, parent: DirectoryPath, extent: Extent): void {
    this.#beginDocument(out);
    this.#write(out, start, parent, {fields: orderedFields([...this.#fields, 'path']), extent});
  }

  entry(out: ByteBuffer, cursor: PackedCursor, parent: DirectoryPath, extent: Extent): void {
    this.#write(out, cursor, parent, {fields: this.#fields, extent});
  }

  close(out: ByteBuffer): void {
    out.constant(closed);
  }

  end(out: ByteBuffer, meta: object): void {
    writeText(out, 'meta');
    out.constant(metaCodec.encode(meta));
  }

  beginList(out: ByteBuffer): void {
    this.#beginDocument(out);
    out.byte(majors.array | indefinite);
  }

  endList(out: ByteBuffer, meta: object): void {
    out.byte(stop);
    this.end(out, meta);
  }

  #beginDocument(out: ByteBuffer): void {
    writeHead(out, majors.map, 2);
    writeText(out, 'data');
  }

  #write(
    out: ByteBuffer,
    cursor: PackedCursor,
    parent: DirectoryPath,
    {fields, extent}: {fields: readonly NodeField[]; extent: Extent},
  ): void {
    out.byte(majors.map | indefinite);
    if (extent === extents.continued) {
      for (const field of leadingFields(fields)) writeField(out, field, cursor, parent);
      out.constant(continuedKey);
    } else for (let i = 0; i < fields.length; i++) writeField(out, fields[i]!, cursor, parent);
    if (extent === extents.leaf) out.byte(stop);
    else out.constant(childrenKey);
  }
}

function writeField(out: ByteBuffer, field: NodeField, cursor: PackedCursor, parent: DirectoryPath): void {
  switch (field) {
    case 'name':
      writeCborName(out, 'name', nameOf(cursor));
      return;
    case 'path':
      writeCborName(out, 'path', Buffer.concat([parent.bytes.subarray(0, parent.length), nameOf(cursor)]));
      return;
    case 'content_type':
      out.constant(types[cursor.kind]);
      return;
    case 'size':
      if (!cursor.hasAttributes) return;
      out.constant(sizeKey);
      writeHead(out, majors.unsigned, cursor.size);
      return;
    case 'modified_time':
      if (!cursor.hasAttributes) return;
      out.constant(modifiedKey);
      writeCborTime(out, cursor.mtimeSeconds, cursor.mtimeNanos);
      return;
    case 'changed_time':
      if (!cursor.hasAttributes) return;
      out.constant(changedKey);
      writeCborTime(out, cursor.ctimeSeconds, cursor.ctimeNanos);
      return;
    case 'integrity_suspect':
      out.constant(cursor.isSuspect ? suspect : unsuspect);
      return;
    case 'blind_spot':
      out.constant(cursor.isBlindSpot ? blind : seen);
  }
}

function nameOf({run, nameOffset, nameLength}: PackedCursor): Uint8Array {
  return run.subarray(nameOffset, nameOffset + nameLength);
}

const metaCodec = new Encoder({useRecords: false, variableMapSize: true});
const indefinite = 31;
const stop = 0xff;
const no = 0xf4;
const yes = 0xf5;
const sizeKey = text('size');
const modifiedKey = text('modified_time');
const changedKey = text('changed_time');
const suspect = text('integrity_suspect', yes);
const unsuspect = text('integrity_suspect', no);
const blind = text('blind_spot', yes);
const seen = text('blind_spot', no);
const continuedKey = text('continued', yes);
const childrenKey = text('children', majors.array | indefinite);
const closed = Buffer.from([stop, stop]);
const types: Record<Kind, Buffer> = {1: typeText(1), 2: typeText(2), 3: typeText(3), 4: typeText(4)};

function typeText(kind: Kind): Buffer {
  return Buffer.concat([text('content_type'), text(kindNames[kind])]);
}

/** With bytes behind it. All that is written so is shorter than 24 bytes. */
function text(value: string, ...more: number[]): Buffer {
  return Buffer.concat([Buffer.of(majors.text | value.length), Buffer.from(value), Buffer.from(more)]);
}
