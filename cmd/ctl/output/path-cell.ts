import type {JsonObject} from '../exact-json.ts';
import {escapeName} from './escape.ts';

/** The path of a row as one line of visible text. */
export function pathCell({path, path_b64}: JsonObject): string {
  return escapeName(
    typeof path_b64 === 'string' ? Buffer.from(path_b64, 'base64url') : Buffer.from(String(path ?? '-')),
  );
}
