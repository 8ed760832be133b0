import type {JsonObject} from '../exact-json.ts';
import {escapeName} from './escape.ts';

/** The path of a row as one line of visible text. */
export function pathCell({path, path_b64}: JsonObject): string {
  return escapeName(
    typeof path_b64 === 'string' ? Buffer.from(path_b64, 'base64url') : Buffer.from(String(path ?? '-')),
  );
}

/** The path of a row on a line of its own: escaped for eyes; for programs its bytes, ended by a newline or a NUL. */
export function pathLine(row: JsonObject, form: 'escaped' | 'newline' | 'nul'): Buffer {
  if (form === 'escaped') return Buffer.from(`${pathCell(row)}\n`);
  const {path, path_b64} = row;
  const bytes = typeof path_b64 === 'string' ? Buffer.from(path_b64, 'base64url') : Buffer.from(String(path ?? '-'));
  return Buffer.concat([bytes, Buffer.from(form === 'nul' ? '\0' : '\n')]);
}
