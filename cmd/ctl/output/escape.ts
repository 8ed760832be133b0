import {isUtf8} from 'node:buffer';

/**
 * A name as one line of visible text, as `ls -b` writes it: `\n`, `\\`, and in octal every byte that is not UTF-8 or that
 * a terminal would obey instead of show (control characters, also those that reverse the direction of writing). Blanks stay.
 */
export function escapeName(bytes: Buffer): string {
  const text = bytes.toString();
  if (isUtf8(bytes) && !needsEscape.test(text)) return text;
  let escaped = '';
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at);
    const character = bytes.subarray(at, at + Math.max(1, length));
    escaped += length > 0 ? escapeCharacter(character) : octal(character);
    at += character.length;
  }
  return escaped;
}

const needsEscape = /[\\\p{C}\p{Zl}\p{Zp}]/u;
const short: Record<string, string> = {'\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r'};

function escapeCharacter(bytes: Buffer): string {
  const character = bytes.toString();
  return needsEscape.test(character) ? (short[character] ?? octal(bytes)) : character;
}

function octal(bytes: Buffer): string {
  return Array.from(bytes, byte => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}

/** How many bytes the character here has, 0 where there is none in valid UTF-8. */
function characterLength(bytes: Buffer, at: number): number {
  return [1, 2, 3, 4].find(length => at + length <= bytes.length && isUtf8(bytes.subarray(at, at + length))) ?? 0;
}
