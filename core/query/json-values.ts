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

/** The same, written as bytes. */
export function writeTime(out: ByteBuffer, seconds: number, nanos: number): void {
  if (seconds < 0) {
    out.ascii(timeText(seconds, nanos));
    return;
  }
  out.digits(seconds);
  if (nanos === 0) return;
  out.byte(0x2e);
  let [value, width] = [nanos, 9];
  while (value % 10 === 0) {
    value /= 10;
    width--;
  }
  out.digits(value, width);
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
export function writeName(
  out: ByteBuffer,
  key: keyof typeof keyBytes,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  out.constant(keyBytes[key]);
  if (isPlain(bytes, start, end)) {
    out.byte(0x22);
    out.copy(bytes, start, end);
    out.byte(0x22);
    return;
  }
  const name = bytes.subarray(start, end);
  const buffer = Buffer.from(name.buffer, name.byteOffset, name.byteLength);
  out.text(JSON.stringify(buffer.toString('utf8')));
  if (!isUtf8(name)) out.ascii(`,"${key}_b64":"${buffer.toString('base64url')}"`);
}

const keyBytes = {name: Buffer.from('"name":')} as const;

/** The same for a byte string. */
export function nameFields(key: string, value: ByteString): Record<string, string> {
  const {text, isExact} = toText(value);
  return isExact ? {[key]: text} : {[key]: text, [`${key}_b64`]: toBytes(value).toString('base64url')};
}

/** Printable ASCII without `"` and `\`: most names, which need no look at what they mean. */
function isPlain(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c) return false;
  }
  return true;
}
