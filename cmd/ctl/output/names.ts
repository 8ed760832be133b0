import {isObject, type Json, type JsonObject} from '../exact-json.ts';
import {rowPath} from './path-cell.ts';

/** The name of a row of an answer, as the verbs take it. */
export type NameOf = (row: JsonObject) => string;

/**
 * The names of what an answer is about, a line each: a path where it has one (bytes for programs, escaped for eyes), else a name
 * or an id.
 */
export function nameLines(document: Json, {nameOf, isTerminal}: {nameOf: NameOf | undefined; isTerminal: boolean}) {
  // A line of what never ends is a row itself.
  const data = isObject(document) && document.data !== undefined ? document.data : document;
  const rows = (Array.isArray(data) ? data : [data]).filter(isObject);
  return Buffer.concat(rows.map(row => (nameOf ? lineOf(nameOf(row)) : ownLine(row, isTerminal))));
}

function ownLine(row: JsonObject, isTerminal: boolean): Buffer {
  if (typeof row.path !== 'string') return lineOf(ownName(row));
  return rowPath(row, isTerminal ? 'escaped' : 'newline');
}

function lineOf(name: string): Buffer {
  return Buffer.from(name === '' ? '' : `${name}\n`);
}

/** `-` for what has no name. */
export function ownName(row: JsonObject): string {
  const found = [row.name, row.id, row.revision, row.number, row.view, row.subject, row.command].find(
    value => typeof value === 'string' || typeof value === 'number',
  );
  return found === undefined ? '-' : String(found);
}
