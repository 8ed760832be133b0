/** As many as a socket's address holds of a path, without the NUL at its end. A data directory may have a longer one. */
export const pathBytesMax = 107;

const familyUnix = 1;

/** A `sockaddr_un` of a path, or of an abstract name, which begins with "@". Undefined when it is too long or empty. */
export function unixAddress(name: string): Buffer | undefined {
  const bytes = Buffer.from(name);
  if (bytes.length < 1 || bytes.length > pathBytesMax || bytes.includes(0)) return undefined;
  const family = Buffer.alloc(2);
  family.writeUInt16LE(familyUnix);
  if (name.startsWith('@')) return Buffer.concat([family, Buffer.of(0), bytes.subarray(1)]);
  return Buffer.concat([family, bytes, Buffer.of(0)]);
}
