import {isObject, type Json, type JsonObject} from '../exact-json.ts';
import {pathCell} from './path-cell.ts';

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
  const names = rows.map(row => (nameOf ? Buffer.from(nameOf(row)) : nameBytes(row, isTerminal)));
  return Buffer.concat(names.flatMap(name => (name.length === 0 ? [] : [name, newline])));
}

const newline = Buffer.from('\n');

function nameBytes(row: JsonObject, isTerminal: boolean): Buffer {
  if (typeof row.path !== 'string') return Buffer.from(ownName(row));
  if (isTerminal) return Buffer.from(pathCell(row));
  return typeof row.path_b64 === 'string' ? Buffer.from(row.path_b64, 'base64url') : Buffer.from(row.path);
}

/** `-` for what has no name. */
export function ownName(row: JsonObject): string {
  const found = [row.name, row.id, row.revision, row.number, row.view, row.subject, row.command].find(
    value => typeof value === 'string' || typeof value === 'number',
  );
  return found === undefined ? '-' : String(found);
}
