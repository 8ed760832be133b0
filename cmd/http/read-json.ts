import type {Context} from 'hono';
import type {z} from 'zod';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {ApiEnv} from './api.ts';
import {bodyChunks} from './request-body.ts';

/** The body of a request by its schema. `looksLike` is an example for those who get it wrong. Throws BAD_REQUEST. */
export async function readJson<T extends z.ZodType>(
  context: Context<ApiEnv>,
  schema: T,
  {bytesMax, looksLike}: {bytesMax: number; looksLike?: string},
): Promise<z.output<T>> {
  const hint = looksLike === undefined ? 'See /openapi.json.' : `It looks like ${looksLike}.`;
  const value = parse(await readBody(context, bytesMax), hint);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const {path, message} = result.error.issues[0]!;
  throw new FustorError('BAD_REQUEST', `The body is not what is wanted here: ${[...path, message].join(': ')}.`, {
    hint,
  });
}

function parse(body: Buffer, hint: string): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new FustorError('BAD_REQUEST', 'The body is not JSON.', {hint});
  }
}

/** Also of one that does not say its length. Throws BAD_REQUEST. */
export async function readBody(context: Context<ApiEnv>, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bodyChunks(context, bytesMax)) chunks.push(chunk);
  return Buffer.concat(chunks);
}
