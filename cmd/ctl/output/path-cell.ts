import {pathLine} from '../../../core/query/path-line.ts';
import type {JsonObject} from '../exact-json.ts';
import {escapeName} from './escape.ts';

/** For eyes, for programs that read lines, and for those that read names ended by a NUL. */
export type PathForm = 'escaped' | 'newline' | 'nul';

/** The path of a row as one line of visible text. */
export function pathCell(row: JsonObject): string {
  return escapeName(pathOf(row));
}

/** The path of a row on a line of its own. */
export function rowPath(row: JsonObject, form: PathForm): Buffer {
  return endedPath(pathOf(row), form);
}

export function endedPath(path: Buffer, form: PathForm): Buffer {
  switch (form) {
    case 'escaped':
      return Buffer.from(`${escapeName(path)}\n`);
    case 'newline':
      return pathLine(path);
    case 'nul':
      return Buffer.concat([path, Buffer.of(0)]);
  }
}

function pathOf({path, path_b64}: JsonObject): Buffer {
  return typeof path_b64 === 'string' ? Buffer.from(path_b64, 'base64url') : Buffer.from(String(path ?? '-'));
}
