import {z} from 'zod';
import {nearest} from '../../core/config/nearest.ts';
import {duration} from '../../core/config/values.ts';
import {type ByteString, fromBytes} from '../../core/entry/byte-string.ts';
import {normalizePath, type Path, rootPath} from '../../core/entry/path.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';

/** Parameters of a request, percent-decoded to bytes; each at most once. */
export type RawParameters = Map<string, ByteString>;

/** `+` is a space, as every library that writes queries has it; a plus is `%2B`. Throws BAD_REQUEST. */
export function readParameters(query: string, allowed: readonly string[]): RawParameters {
  const found: RawParameters = new Map();
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = percentDecode(equals === -1 ? part : part.slice(0, equals));
    if (!allowed.includes(name)) throw unknownParameter(name, allowed);
    if (found.has(name))
      throw new FustorError('BAD_REQUEST', `The parameter "${name}" is given twice.`, {hint: 'Give it once.'});
    found.set(name, percentDecode(equals === -1 ? '' : part.slice(equals + 1)));
  }
  return found;
}

function unknownParameter(name: string, allowed: readonly string[]): FustorError {
  const near = nearest(name, allowed);
  const list = allowed.length === 0 ? 'This request has no parameters.' : `It has ${allowed.join(', ')}.`;
  return new FustorError('BAD_REQUEST', `The parameter "${name}" is not known here.`, {
    hint: near === undefined ? list : `Did you mean "${near}"? ${list}`,
    details: {parameter: name},
  });
}

function percentDecode(text: string): ByteString {
  if (!/[%+]/.test(text)) return fromBytes(Buffer.from(text, 'utf8'));
  const decoded = Buffer.from(text.replaceAll('+', ' '), 'utf8')
    .toString('latin1')
    .replace(/%([0-9a-f]{2})?/gi, (_, hex?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      throw new FustorError('BAD_REQUEST', `"${text}" is not percent-encoded.`, {hint: 'Write a "%" as "%25".'});
    });
  return decoded as ByteString;
}

/** The value of each parameter by its schema, which sees text. Throws BAD_REQUEST with the parameter's name. */
export function parseParameters<T extends z.ZodObject>(raw: RawParameters, schema: T): z.output<T> {
  const result = schema.safeParse(Object.fromEntries(raw));
  if (result.success) return result.data;
  const {path, message} = result.error.issues[0]!;
  const name = String(path[0]);
  throw new FustorError('BAD_REQUEST', `The parameter "${name}" is "${raw.get(name) ?? ''}"; wanted is ${message}.`, {
    details: {parameter: name},
    hint: 'All parameters are described in /openapi.json.',
  });
}

export const booleanParameter = z
  .enum(['true', 'false'], {error: '"true" or "false"'})
  .transform(text => text === 'true');

export function integerParameter({min, max}: {min: number; max: number}) {
  const message = `a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine(value => value >= min && value <= max, message);
}

/** With its unit, as in the configuration: `30s`, `5m`. Milliseconds. */
export function durationParameter({min}: {min: string}) {
  const wanted = duration({min});
  return z.string().transform((text, context): number => {
    const result = wanted.safeParse(text);
    if (result.success) return result.data;
    context.issues.push({code: 'custom', message: result.error.issues[0]!.message, input: text});
    return z.NEVER;
  });
}

/** Several of some words, with commas between them. */
export function wordsParameter<const T extends string>(...words: readonly T[]) {
  return z.string().transform((text, context): T[] => {
    const found = text.split(',').map(part => words.find(word => word === part.trim()));
    if (found.every(word => word !== undefined)) return found;
    context.issues.push({code: 'custom', message: `of ${words.join(', ')}, with commas between them`, input: text});
    return z.NEVER;
  });
}

export const pathParameters = {
  path: z.string().optional().describe('Path in the view, percent-encoded bytes; default "/".'),
  path_b64: z
    .string()
    .regex(/^[\w-]*={0,2}$/, 'base64url')
    .optional()
    .describe('The same as base64url of its bytes, for paths that are not UTF-8.'),
};

/** The path that a request asks for. Throws BAD_REQUEST. */
export function requestedPath({path, path_b64}: {path?: string | undefined; path_b64?: string | undefined}): Path {
  if (path !== undefined && path_b64 !== undefined) {
    throw new FustorError('BAD_REQUEST', 'Both "path" and "path_b64" are given.', {hint: 'Give one of them.'});
  }
  const written =
    path_b64 === undefined ? ((path ?? rootPath) as ByteString) : fromBytes(Buffer.from(path_b64, 'base64url'));
  const normal = normalizePath(written);
  if (normal !== undefined) return normal;
  throw new FustorError('BAD_REQUEST', `The path ${JSON.stringify(written)} is not a path in a view.`, {
    hint: 'A path begins with "/" and has no "..", no NUL and no name of more than 255 bytes.',
  });
}
