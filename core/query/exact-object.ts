import {timeText} from './json-values.ts';

/** A number whose text is already exact; a JavaScript number could not hold it. */
export class ExactNumber {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export function exactTime({seconds, nanos}: {seconds: number; nanos: number}): ExactNumber {
  return new ExactNumber(timeText(seconds, nanos));
}

/** As JSON text; fields that are undefined are left out. */
export function exactObject(value: object): string {
  const fields = Object.entries(value).flatMap(([key, item]) => {
    if (item === undefined) return [];
    if (item instanceof ExactNumber) return [`"${key}":${item.text}`];
    const isObject = item !== null && typeof item === 'object' && !Array.isArray(item);
    return [`"${key}":${isObject ? exactObject(item) : JSON.stringify(item)}`];
  });
  return `{${fields.join(',')}}`;
}
