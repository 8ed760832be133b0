import {type Kind, kindNames, kinds} from '../entry/entry.ts';
import type {PackedCursor} from '../entry/packed.ts';
import type {ByteBuffer} from './byte-buffer.ts';
import {copyPlain, markedBytes} from './copy-plain.ts';
import type {DirectoryPath} from './directory-path.ts';
import {putDigits, putTime, writeName} from './json-values.ts';
import type {NodeField} from './node-field.ts';

/**
 * Writes the entry that a cursor stands at as a JSON object without its closing brace. This runs once for each entry of every
 * answer, so room is reserved once and bytes are put one by one. Each field brings a comma; the first comma becomes the brace.
 * `parent` is only needed for the path.
 */
export function writeNode(
  out: ByteBuffer,
  cursor: PackedCursor,
  fields: readonly NodeField[],
  parent?: DirectoryPath,
): void {
  const begin = out.length;
  let bytes = out.reserve(fieldsBytesMax);
  for (let i = 0; i < fields.length; i++) {
    const at = out.length;
    switch (fields[i]!) {
      case 'name':
        writePlain(out, nameKey, cursor, undefined);
        bytes = out.reserve(fieldsBytesMax);
        break;
      case 'path':
        writePlain(out, pathKey, cursor, parent);
        bytes = out.reserve(fieldsBytesMax);
        break;
      case 'content_type':
        out.length = put(bytes, at, typeOf[cursor.kind]);
        break;
      case 'size':
        if (cursor.hasAttributes) out.length = putDigits(bytes, put(bytes, at, sizeKey), cursor.size);
        break;
      case 'modified_time':
        if (cursor.hasAttributes)
          out.length = putTime(bytes, put(bytes, at, modifiedKey), cursor.mtimeSeconds, cursor.mtimeNanos);
        break;
      case 'changed_time':
        if (cursor.hasAttributes)
          out.length = putTime(bytes, put(bytes, at, changedKey), cursor.ctimeSeconds, cursor.ctimeNanos);
        break;
      case 'integrity_suspect':
        out.length = put(bytes, at, cursor.isSuspect ? suspect : unsuspect);
        break;
      case 'blind_spot':
        out.length = put(bytes, at, cursor.isBlindSpot ? blind : seen);
        break;
    }
  }
  if (out.length === begin) out.length++;
  bytes[begin] = 0x7b;
}

/** A name, or a path of a parent and a name: copied, and begun again when a byte of it needs more care. */
function writePlain(out: ByteBuffer, key: Key, cursor: PackedCursor, parent: DirectoryPath | undefined): void {
  const {run, nameOffset, nameLength} = cursor;
  const parentLength = parent?.length ?? 0;
  const bytes = out.reserve(key.start.length + parentLength + nameLength + 1);
  let at = put(bytes, out.length, key.start);
  if (parent) at = copyPlain(bytes, at, parent.bytes, 0, parentLength, needsCare);
  if (at !== -1) at = copyPlain(bytes, at, run, nameOffset, nameOffset + nameLength, needsCare);
  if (at === -1) {
    out.byte(0x2c);
    const name = run.subarray(nameOffset, nameOffset + nameLength);
    const whole = parent ? Buffer.concat([parent.bytes.subarray(0, parentLength), name]) : name;
    writeName(out, key.name, whole, 0, whole.length);
    return;
  }
  bytes[at] = 0x22;
  out.length = at + 1;
}

function put(bytes: Buffer, at: number, constant: Uint8Array): number {
  bytes.set(constant, at);
  return at + constant.length;
}

/** Bytes that a JSON string cannot hold as they are, or that may not be UTF-8. */
const needsCare = markedBytes(byte => byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c);

type Key = {name: string; start: Buffer};
const nameKey: Key = {name: 'name', start: Buffer.from(',"name":"')};
const pathKey: Key = {name: 'path', start: Buffer.from(',"path":"')};
const sizeKey = Buffer.from(',"size":');
const modifiedKey = Buffer.from(',"modified_time":');
const changedKey = Buffer.from(',"changed_time":');
const suspect = Buffer.from(',"integrity_suspect":true');
const unsuspect = Buffer.from(',"integrity_suspect":false');
const blind = Buffer.from(',"blind_spot":true');
const seen = Buffer.from(',"blind_spot":false');
const typeOf: Record<Kind, Buffer> = {
  [kinds.file]: typeText(kinds.file),
  [kinds.directory]: typeText(kinds.directory),
  [kinds.symlink]: typeText(kinds.symlink),
  [kinds.other]: typeText(kinds.other),
};
/** All but name and path: the keys, a size of 16 digits and two times of 13 digits, a point and nine more. */
const fieldsBytesMax = 256;

function typeText(kind: Kind): Buffer {
  return Buffer.from(`,"content_type":"${kindNames[kind]}"`);
}
