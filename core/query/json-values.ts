import {isUtf8} from 'node:buffer';
import {type ByteString, toBytes, toText} from '../entry/byte-string.ts';
import type {ByteBuffer} from './byte-buffer.ts';

/**
 * A time as a JSON number of seconds since 1970 that is exact: as many decimals as it has, at most nine. (A parser that
 * reads numbers as doubles rounds it to about a microsecond; the text is right.)
 */
export function timeText(seconds: number, nanos: number): string {
  if (nanos === 0) return String(seconds);
  if (seconds >= 0) return `${seconds}.${decimals(nanos)}`;
  // Nanoseconds count forward, also before 1970: -2 s and 250 ms is -1.75.
  return `-${-seconds - 1}.${decimals(1e9 - nanos)}`;
}

/** The same, put as bytes where there is room for it. Returns where it ends. */
export function putTime(bytes: Uint8Array, at: number, seconds: number, nanos: number): number {
  if (seconds < 0) {
    const text = timeText(seconds, nanos);
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    return at + text.length;
  }
  const point = putDigits(bytes, at, seconds);
  if (nanos === 0) return point;
  bytes[point] = 0x2e;
  let end = putNine(bytes, point + 1, nanos);
  while (bytes[end - 1] === 0x30) end--;
  return end;
}

/** A whole number from 0 to 2^53 in decimal digits. Returns where it ends. */
export function putDigits(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 1e9) {
    const high = Math.floor(value / 1e9);
    return putNine(bytes, putDigits(bytes, at, high), value - high * 1e9);
  }
  const end = at + digitCount(value);
  let rest = value | 0;
  for (let i = end - 1; i >= at; i--) {
    const next = (rest / 10) | 0;
    bytes[i] = 0x30 + rest - next * 10;
    rest = next;
  }
  return end;
}

/** Nine digits, zeros in front. */
function putNine(bytes: Uint8Array, at: number, value: number): number {
  let rest = value | 0;
  for (let i = at + 8; i >= at; i--) {
    const next = (rest / 10) | 0;
    bytes[i] = 0x30 + rest - next * 10;
    rest = next;
  }
  return at + 9;
}

/** Of a number below 10^9. */
function digitCount(value: number): number {
  if (value < 1e4) return value < 100 ? (value < 10 ? 1 : 2) : value < 1e3 ? 3 : 4;
  if (value < 1e7) return value < 1e5 ? 5 : value < 1e6 ? 6 : 7;
  return value < 1e8 ? 8 : 9;
}

function decimals(nanos: number): string {
  let end = 9;
  const digits = String(nanos).padStart(9, '0');
  while (digits.charCodeAt(end - 1) === 0x30) end--;
  return digits.slice(0, end);
}

/**
 * Writes `"<key>":"…"` for a name that is part of other bytes, and, when it is not valid UTF-8, `"<key>_b64":"…"` with
 * the true bytes: the text is then only good for display.
 */
export function writeName(out: ByteBuffer, key: string, bytes: Uint8Array, start: number, end: number): void {
  const name = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  out.text(`"${key}":${JSON.stringify(name.toString('utf8'))}`);
  if (!isUtf8(name)) out.ascii(`,"${key}_b64":"${name.toString('base64url')}"`);
}

/** The same for a byte string. */
export function nameFields(key: string, value: ByteString): Record<string, string> {
  const {text, isExact} = toText(value);
  return isExact ? {[key]: text} : {[key]: text, [`${key}_b64`]: toBytes(value).toString('base64url')};
}
