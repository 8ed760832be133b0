import {kindNames, kinds} from '../entry/entry.ts';
import type {PackedCursor} from '../entry/packed.ts';
import type {ByteBuffer} from './byte-buffer.ts';
import {putDigits, putTime, writeName} from './json-values.ts';

/**
 * Writes the entry that a cursor stands at as a node without its closing brace. This runs once for each entry of every
 * answer, so what it writes for the common name is reserved once and put byte by byte.
 */
export function writeNode(out: ByteBuffer, cursor: PackedCursor, onlyPath: boolean): void {
  writePlainName(out, cursor);
  if (onlyPath) return;
  const {kind} = cursor;
  const bytes = out.reserve(attributesBytesMax);
  let at = out.length;
  if (cursor.hasAttributes) {
    at = put(bytes, at, beforeSize[kind]);
    at = putDigits(bytes, at, cursor.size);
    at = put(bytes, at, beforeTime);
    at = putTime(bytes, at, cursor.mtimeSeconds, cursor.mtimeNanos);
  } else {
    at = put(bytes, at, typeOnly[kind]);
  }
  out.length = put(bytes, at, cursor.isSuspect ? suspect : unsuspect);
}

/** `{"name":"…"`: looks at each byte while it is copied, and begins again when the name needs more care. */
function writePlainName(out: ByteBuffer, {run, nameOffset, nameLength}: PackedCursor): void {
  const bytes = out.reserve(beforeName.length + nameLength + 1);
  const end = nameOffset + nameLength;
  let at = put(bytes, out.length, beforeName);
  for (let i = nameOffset; i < end; i++) {
    const byte = run[i]!;
    if (needsCare[byte] === 1) {
      out.byte(0x7b);
      writeName(out, 'name', run, nameOffset, end);
      return;
    }
    bytes[at++] = byte;
  }
  bytes[at++] = 0x22;
  out.length = at;
}

function put(bytes: Buffer, at: number, constant: Uint8Array): number {
  bytes.set(constant, at);
  return at + constant.length;
}

/** Bytes that a JSON string cannot hold as they are, or that may not be UTF-8. */
const needsCare = Uint8Array.from({length: 256}, (_, byte) =>
  Number(byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c),
);

const beforeName = Buffer.from('{"name":"');
const beforeTime = Buffer.from(',"modified_time":');
const suspect = Buffer.from(',"integrity_suspect":true');
const unsuspect = Buffer.from(',"integrity_suspect":false');
const typeOnly = byKind(name => `,"content_type":"${name}"`);
const beforeSize = byKind(name => `,"content_type":"${name}","size":`);
/** The longest constants, a size of 16 digits and a time of 13 digits, a point and nine more. */
const attributesBytesMax = 128;

function byKind(text: (name: string) => string) {
  return {
    [kinds.file]: Buffer.from(text(kindNames[kinds.file])),
    [kinds.directory]: Buffer.from(text(kindNames[kinds.directory])),
    [kinds.symlink]: Buffer.from(text(kindNames[kinds.symlink])),
    [kinds.other]: Buffer.from(text(kindNames[kinds.other])),
  } as const;
}
