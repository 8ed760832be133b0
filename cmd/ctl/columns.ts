import {isObject, type Json, type JsonObject} from './exact-json.ts';
import {durationText} from './output/quantity.ts';
import {cell, table} from './output/table.ts';

/** A heading, and where its value stands in a row: a field, `shell.host` in an object of it, or made from the row. */
export type Column = readonly [heading: string, value: string | ((row: JsonObject) => string)];

export function columnTable(rows: readonly JsonObject[], columns: readonly Column[]): string {
  return table(
    columns.map(([heading]) => heading),
    rows.map(row => columns.map(([, value]) => (typeof value === 'string' ? fieldCell(row, value) : value(row)))),
  );
}

function fieldCell(row: JsonObject, path: string): string {
  const value = path.split('.').reduce<Json | undefined>((at, name) => (isObject(at) ? at[name] : undefined), row);
  if (path.endsWith('_ms')) return durationText(value);
  return Array.isArray(value) && !value.some(isObject) ? cell(path, value.join(',') || null) : cell(path, value);
}
