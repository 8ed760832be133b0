import {type ExactNumber, numberText} from '../exact-json.ts';

/** Seconds since 1970 as a UTC date, with exactly the digits that were given; what is no such number stays as it is. */
export function formatTime(seconds: number | ExactNumber): string {
  const text = numberText(seconds);
  const match = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (!match) return text;
  const [, sign, whole, decimals = ''] = match;
  const scale = 10n ** BigInt(decimals.length);
  const units = BigInt(`${sign}${whole}${decimals}`);
  const fraction = ((units % scale) + scale) % scale;
  const date = new Date(Number((units - fraction) / scale) * 1000);
  if (Number.isNaN(date.getTime())) return text;
  const digits = decimals === '' ? '' : `.${fraction.toString().padStart(decimals.length, '0')}`;
  return `${date.toISOString().slice(0, -5)}${digits}Z`;
}
