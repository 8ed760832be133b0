import {z} from 'zod';

/**
 * The kinds of values that a setting can have. Each turns what the YAML file holds into what the program uses and, where
 * it cannot, says only what was wanted: what was found is added by the reader of the file, which alone knows whether
 * the value may be shown.
 */

export type ListenAddress = {host: string; port: number};

const durationUnits = {ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000} as const;
const sizeUnits = {B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30} as const;

/** Longest duration that a timer of Node can wait: one more day would overflow 31 bits of milliseconds and fire at once. */
const timerMax = '24d';

export const nameWanted = 'a name of letters, digits, ".", "_" and "-" (at most 64, the first a letter or digit)';

/** Whether a name is safe as a folder, in a URL and in a log line: no slash, no space, no leading dot. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value);
}

export const name = setting(nameWanted, value => (isName(value) ? value : undefined));

export const viewNameOrAll = setting(`${nameWanted}, or "*"`, value =>
  value === '*' || isName(value) ? value : undefined,
);

export const text = setting('a text', value =>
  typeof value === 'string' && value !== '' && !value.includes('\0') ? value : undefined,
);

/** An API key goes into an HTTP header as it is, so it has no spaces, control characters or letters beyond ASCII. */
export const apiKey = setting('a key of at least 8 visible ASCII characters, without spaces', value =>
  typeof value === 'string' && /^[!-~]{8,512}$/.test(value) ? value : undefined,
);

export const flag = setting('true or false', value => (typeof value === 'boolean' ? value : undefined));

export function choice<const T extends string>(...accepted: readonly T[]) {
  return setting(accepted.length === 1 ? `"${accepted[0]}"` : `one of ${accepted.join(', ')}`, value =>
    accepted.find(one => one === value),
  );
}

/** A whole number; digits in a text count as well, so that it may come from `${env:NAME}`. */
export function integer({min, max}: {min: number; max: number}) {
  return setting(`a whole number from ${min} to ${max}`, value => {
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
    return Number.isInteger(number) && (number as number) >= min && (number as number) <= max
      ? (number as number)
      : undefined;
  });
}

/** Milliseconds, written with their unit: `500ms`, `30s`, `2m`, `12h`, `1d`. */
export function duration({min, max = timerMax}: {min: string; max?: string}) {
  return setting(`a duration with its unit (ms, s, m, h or d) from ${min} to ${max}, for example 30s`, value =>
    within(measure(value, durationUnits), measure(min, durationUnits)!, measure(max, durationUnits)!),
  );
}

/** Bytes, written with their unit: `256KiB`, `1MiB`. */
export function byteSize({min, max}: {min: string; max: string}) {
  return setting(`a size with its unit (B, KiB, MiB or GiB) from ${min} to ${max}, for example 1MiB`, value =>
    within(measure(value, sizeUnits), measure(min, sizeUnits)!, measure(max, sizeUnits)!),
  );
}

/** `host:port`; an IPv6 address stands in brackets, port 0 lets the system choose. */
export const listenAddress = setting('an address as host:port, IPv6 in brackets, for example 127.0.0.1:8102', value => {
  const match = typeof value === 'string' && /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(value);
  if (!match || Number(match[3]) > 65_535) return undefined;
  return {host: match[1] ?? match[2], port: Number(match[3])} satisfies ListenAddress;
});

/** The address of a fusion, without the slash at its end. A key has its own setting, so none is taken from here. */
export const httpUrl = setting('an http:// or https:// address without user, query and fragment', value => {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const url = new URL(value);
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  return isPlain && /^https?:$/.test(url.protocol) ? url.href.replace(/\/+$/, '') : undefined;
});

/** What `git` takes, and no file relative to wherever it is started. A password in it is shown nowhere. */
export const gitUrl = setting(
  'an address for git: https://…, ssh://…, file://…, user@host:path or an absolute path',
  value => {
    const accepted = /^(?:(?:https?|ssh|git|file):\/\/[!-~]+|(?:[\w.-]+@)?\w[\w.-]*:(?!\/\/)[!-~]+|\/[^\0-\x1f]*)$/;
    return typeof value === 'string' && accepted.test(value) ? value : undefined;
  },
);

export const gitBranch = setting('the name of a branch, for example main', value =>
  typeof value === 'string' && /^\w[\w./+-]{0,199}$/.test(value) && !/\.\.|\/\/|\.lock$|[./]$/.test(value)
    ? value
    : undefined,
);

/** Without slashes at its ends: "" is the root. */
export const folderInside = setting('a folder as names with "/" between them, or "." for the root', value => {
  if (typeof value !== 'string' || /^\/|[\0-\x1f]/.test(value)) return undefined;
  const names = value.split('/').filter(one => one !== '' && one !== '.');
  return names.includes('..') ? undefined : names.join('/');
});

function setting<T>(wanted: string, read: (value: unknown) => T | undefined) {
  return z.unknown().transform((input, context): T => {
    const value = read(input);
    if (value !== undefined) return value;
    context.issues.push({code: 'custom', message: wanted, input});
    return z.NEVER;
  });
}

function measure(value: unknown, units: Record<string, number>): number | undefined {
  const match = typeof value === 'string' && /^(\d{1,9})([A-Za-z]+)$/.exec(value);
  if (!match || !Object.hasOwn(units, match[2])) return undefined;
  return Number(match[1]) * units[match[2]];
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
