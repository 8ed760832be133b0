import {isUtf8} from 'node:buffer';
import {readFileSync} from 'node:fs';
import {FustorError} from '../../core/errors/fustor-error.ts';

/** A path as the HTTP API takes it: as text, or where it is not valid UTF-8 as its bytes in base64url. */
export type PathParameters = {path: string} | {path_b64: string};

/** The path that a command line names; without any, the root. A slash in front may be left out. */
export function pathParameters(argument: string | undefined, base64: string | undefined): PathParameters {
  if (argument !== undefined && base64 !== undefined) {
    throw new FustorError('USAGE', 'Give either PATH or --path-b64.');
  }
  const bytes = base64 === undefined ? argumentBytes(argument ?? '/') : decode(base64);
  const path = bytes[0] === slash ? bytes : Buffer.concat([Buffer.of(slash), bytes]);
  return isUtf8(path) ? {path: path.toString()} : {path_b64: path.toString('base64url')};
}

const slash = 0x2f;

function decode(base64: string): Buffer {
  if (/^[A-Za-z0-9_+/-]+=*$/.test(base64)) return Buffer.from(base64, 'base64');
  throw new FustorError('USAGE', `--path-b64 "${base64}" is not base64.`);
}

/**
 * Node decodes its arguments as UTF-8 and so loses the bytes that are none; Linux still has them. Where two arguments
 * differ only in such bytes, the last counts: the path stands behind the verb.
 */
function argumentBytes(argument: string): Buffer {
  if (!argument.includes('\ufffd')) return Buffer.from(argument);
  return rawArguments().findLast(bytes => bytes.toString() === argument) ?? Buffer.from(argument);
}

function rawArguments(): Buffer[] {
  try {
    const line = readFileSync('/proc/self/cmdline', 'latin1');
    return line.split('\0').map(one => Buffer.from(one, 'latin1'));
  } catch {
    return [];
  }
}
