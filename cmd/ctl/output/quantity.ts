import {numberText} from '../exact-json.ts';

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** A length of time in its two greatest units: `3d 4h`, `12m 5s`; below a second in milliseconds. What is no number is `-`. */
export function durationText(ms: unknown): string {
  if (typeof ms !== 'number') return '-';
  const first = units.findIndex(([, length]) => ms >= length);
  if (first === -1) return `${numberText(ms)}ms`;
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, length] of units.slice(first, first + 2)) {
    parts.push(`${Math.floor(rest / length)}${unit}`);
    rest %= length;
  }
  return parts.join(' ');
}

/** `812B`, `93.1MiB`. What is no number is `-`. */
export function bytesText(bytes: unknown): string {
  if (typeof bytes !== 'number') return '-';
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(names.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return step === 0 ? `${bytes}B` : `${(bytes / 2 ** (10 * step)).toFixed(1)}${names[step]}`;
}
