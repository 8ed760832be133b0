import type {Meta} from '../../../../core/query/meta.ts';

/** Fields that are only true of a whole answer. */
const atEnd = ['changes_since', 'next_cursor'] as const satisfies (keyof Meta)[];

/** Names of the headers that `metaTrailers` makes. */
export const trailerNames = atEnd.map(nameOf);

/**
 * The `meta` of an answer whose format has no room for it: `complete` is `Fustor-Complete`, and so on. What is null is left out;
 * what is no plain value is JSON.
 */
export function metaHeaders(meta: Partial<Meta> = {}): Record<string, string> {
  const fields = Object.entries(meta).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(fields.map(([field, value]) => [nameOf(field), textOf(value)]));
}

/** What of it goes behind the bytes of an answer whose headers went out before the end was known. */
export function metaTrailers(meta: Partial<Meta> = {}): Record<string, string> {
  return metaHeaders(Object.fromEntries(Object.entries(meta).filter(([field]) => isAtEnd(field))));
}

function isAtEnd(field: string): boolean {
  return (atEnd as readonly string[]).includes(field);
}

function nameOf(field: string): string {
  return `Fustor-${field.split('_').map(capital).join('-')}`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** Headers are ASCII; names of agents and views need not be. */
function textOf(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[\x20-\x7e]*$/.test(value);
  if (isPlain) return value;
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
