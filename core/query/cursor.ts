import type {ByteString} from '../entry/byte-string.ts';
import {fromBytes, toBytes} from '../entry/byte-string.ts';
import {isBelow, isPath, joinPath, type Path, pathNames} from '../entry/path.ts';

/** A cursor is the path of the last entry that was answered, so it means the same whatever changes around it. */
export function encodeCursor(start: Path, names: readonly ByteString[]): string {
  return toBytes(names.reduce(joinPath, start)).toString('base64url');
}

/** Names below `start`, or undefined when it is not a cursor of an answer for `start`. */
export function decodeCursor(start: Path, cursor: string): ByteString[] | undefined {
  if (!/^[\w-]+$/.test(cursor)) return undefined;
  const path = fromBytes(Buffer.from(cursor, 'base64url'));
  if (!isPath(path) || !isBelow(path, start)) return undefined;
  return pathNames(path).slice(pathNames(start).length);
}
