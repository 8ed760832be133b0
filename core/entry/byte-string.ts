/**
 * Names and paths are bytes. In memory we keep them as *byte strings*: strings whose characters are all below U+0100, one
 * for each byte. The engine stores such a string with one byte a character, compares it in byte order, hashes it,
 * and nothing is decoded that could lose or merge two different names.
 *
 * Only the edges (HTTP, terminal, logs) turn a byte string into text, with `toText`.
 */
export type ByteString = string & {readonly __bytes: unique symbol};

const strictUtf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
const lenientUtf8 = new TextDecoder('utf-8', {ignoreBOM: true});

/** The bytes of a text in UTF-8. Throws nothing; lone surrogates become U+FFFD, as everywhere. */
export function fromText(text: string): ByteString {
  return isAscii(text) ? (text as ByteString) : fromBytes(Buffer.from(text, 'utf8'));
}

export function fromBytes(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as ByteString;
}

export function toBytes(string: ByteString): Buffer {
  return Buffer.from(string, 'latin1');
}

/** What to show a person, and whether it is the whole truth: invalid UTF-8 appears as U+FFFD and `isExact` is false. */
export function toText(string: ByteString): {text: string; isExact: boolean} {
  if (isAscii(string)) return {text: string, isExact: true};
  const bytes = toBytes(string);
  try {
    return {text: strictUtf8.decode(bytes), isExact: true};
  } catch {
    return {text: lenientUtf8.decode(bytes), isExact: false};
  }
}

/** Order of bytes, as `memcmp` has it. */
export function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function isByteString(value: unknown): value is ByteString {
  return typeof value === 'string' && /^[\x00-\xff]*$/.test(value);
}

function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}
