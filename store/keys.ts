import type {ByteString} from '../core/entry/byte-string.ts';
import type {DirectoryNumber} from '../core/entry/entry.ts';
import type {Hlc} from '../core/time/hlc.ts';

/** Keys are bytes and sort as `memcmp` has it: numbers are big-endian, a name stands last. */

export const numberBytes = 6;
const two32 = 2 ** 32;

export function directoryKey(directory: DirectoryNumber): Buffer {
  const key = Buffer.allocUnsafe(numberBytes);
  key.writeUIntBE(directory, 0, numberBytes);
  return key;
}

/** Directory and name; without a name the first key that a directory can have. */
export function nameKey(directory: DirectoryNumber, name: ByteString | ''): Buffer {
  const key = Buffer.allocUnsafe(numberBytes + name.length);
  key.writeUIntBE(directory, 0, numberBytes);
  key.write(name, numberBytes, 'latin1');
  return key;
}

export function parseNameKey(key: Buffer, at = 0): {directory: DirectoryNumber; name: ByteString} {
  const directory = key.readUIntBE(at, numberBytes);
  return {directory, name: key.toString('latin1', at + numberBytes) as ByteString};
}

/** The first key behind all of a directory. */
export function behindDirectory(directory: DirectoryNumber): Buffer {
  return directoryKey(directory + 1);
}

const hlcBytes = 8;

export function expiryKey(expiresAt: Hlc, directory: DirectoryNumber, name: ByteString): Buffer {
  const key = Buffer.allocUnsafe(hlcBytes + numberBytes + name.length);
  key.writeUInt32BE(Math.floor(expiresAt / two32), 0);
  key.writeUInt32BE(expiresAt % two32, 4);
  key.writeUIntBE(directory, hlcBytes, numberBytes);
  key.write(name, hlcBytes + numberBytes, 'latin1');
  return key;
}

/** The first key behind all that expire at or before a moment. */
export function behindExpiry(expiresAt: Hlc): Buffer {
  return expiryKey(expiresAt + 1, 0, '' as ByteString).subarray(0, hlcBytes);
}

export function parseExpiryKey(key: Buffer): {expiresAt: Hlc; directory: DirectoryNumber; name: ByteString} {
  const expiresAt = key.readUInt32BE(0) * two32 + key.readUInt32BE(4);
  return {expiresAt, ...parseNameKey(key, hlcBytes)};
}
