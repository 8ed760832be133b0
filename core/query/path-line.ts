const newline = 0x0a;

/**
 * A path as a line for programs: as it is. One with a newline in it would be two lines, and the second might be the path of another
 * file. So, as `sha256sum` has it, its line begins with a backslash, which no path does, and has `\n` for a newline and `\\` for a
 * backslash: a script that knows nothing of this gets a path that does not exist.
 */
export function pathLine(path: Buffer): Buffer {
  if (!path.includes(newline)) return Buffer.concat([path, Buffer.of(newline)]);
  const escaped = path.toString('latin1').replace(/[\n\\]/g, char => (char === '\n' ? '\\n' : '\\\\'));
  return Buffer.from(`\\${escaped}\n`, 'latin1');
}
