/**
 * JSON whose numbers keep every digit: a modification time has up to 19 of them, a double only 16.
 * A number that a double cannot repeat is kept as it is written, and goes out again as it came.
 */

export type Json = null | boolean | number | string | ExactNumber | Json[] | JsonObject;
export type JsonObject = {[name: string]: Json | undefined};

/** What `JSON.rawJSON` makes: `JSON.stringify` writes the text of it, without quotes. */
export interface ExactNumber {
  readonly rawJSON: string;
}

export function parseJson(text: string): Json {
  return JSON.parse(text, ((_key: string, value: unknown, context: {source: string}) =>
    typeof value === 'number' && String(value) !== context.source ? json.rawJSON(context.source) : value) as Reviver);
}

export function isExactNumber(value: unknown): value is ExactNumber {
  return json.isRawJSON(value);
}

/** The digits of a number as they came. */
export function numberText(value: number | ExactNumber): string {
  return typeof value === 'number' ? String(value) : value.rawJSON;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}

type Reviver = NonNullable<Parameters<typeof JSON.parse>[1]>;

/** Part of ECMAScript 2026 and of Node, not yet of TypeScript's library. */
const json = JSON as typeof JSON & {rawJSON(text: string): ExactNumber; isRawJSON(value: unknown): boolean};
