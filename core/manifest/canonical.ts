/**
 * JSON in one form only: no spaces, the names of an object in the order of their UTF-16 units, as RFC 8785 has it. Two equal
 * values are the same bytes. Takes what JSON can say; throws on anything else (undefined members are left out, as JSON does).
 */
export function canonicalBytes(value: unknown): Uint8Array {
  return Buffer.from(canonicalText(value));
}

function canonicalText(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`JSON has no ${value}.`);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new TypeError('JSON in UTF-8 has no lone surrogates.');
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (typeof value !== 'object') throw new TypeError(`JSON has no ${typeof value}.`);
  const members = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => `${JSON.stringify(name)}:${canonicalText(one)}`);
  return `{${members.join(',')}}`;
}
