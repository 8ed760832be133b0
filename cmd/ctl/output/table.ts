import Table from 'cli-table3';
import {isExactNumber, isObject, type Json, type JsonObject, numberText} from '../exact-json.ts';
import {escapeName} from './escape.ts';
import {formatTime} from './time.ts';

/** Rows under headings, without lines around them: easy on the eye, and on `awk`. */
export function table(headings: string[], rows: string[][]): string {
  const made = new Table({head: headings, ...plain});
  made.push(...rows);
  return trimmed(made);
}

/** All fields of an object, one a line; what is nested in it as `outer.inner`, lists of objects as tables below. */
export function fieldTable(object: JsonObject): string {
  const fields = flatten(object);
  const made = new Table(plain);
  made.push(...fields.filter(([, value]) => !isRows(value)).map(([name, value]) => [name, cell(name, value)]));
  const lists = fields.flatMap(([name, value]) => (isRows(value) ? [`\n${name}:\n${rowTable(value)}`] : []));
  return trimmed(made) + lists.join('');
}

function rowTable(rows: JsonObject[]): string {
  const headings = [...new Set(rows.flatMap(Object.keys))];
  return table(
    headings.map(heading => heading.toUpperCase()),
    rows.map(row => headings.map(heading => cell(heading, row[heading]))),
  );
}

/** A value for eyes: dates for times, and nothing that a terminal would obey. */
export function cell(name: string, value: Json | undefined): string {
  if (value === undefined || value === null) return '-';
  if (typeof value === 'number' || isExactNumber(value)) {
    return /_(time|at|change)$/.test(name) ? formatTime(value) : numberText(value);
  }
  if (typeof value === 'object') return escapeName(Buffer.from(JSON.stringify(value)));
  return typeof value === 'string' ? escapeName(Buffer.from(value)) : String(value);
}

function flatten(object: JsonObject, prefix = ''): [string, Json | undefined][] {
  return Object.entries(object).flatMap(([name, value]) =>
    isObject(value) ? flatten(value, `${prefix}${name}.`) : [[`${prefix}${name}`, value]],
  );
}

function isRows(value: Json | undefined): value is JsonObject[] {
  return Array.isArray(value) && value.length > 0 && value.every(isObject);
}

function trimmed(made: InstanceType<typeof Table>): string {
  return made.length === 0 ? '' : made.toString().replace(/ +$/gm, '').concat('\n');
}

/** No borders, no colours. */
const plain = {
  chars: {
    ...{
      top: '',
      'top-mid': '',
      'top-left': '',
      'top-right': '',
      mid: '',
      'left-mid': '',
      'mid-mid': '',
      'right-mid': '',
    },
    ...{bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '', left: '', right: '', middle: '  '},
  },
  style: {head: [], border: [], 'padding-left': 0, 'padding-right': 0},
};
