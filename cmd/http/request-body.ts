import type {HttpBindings} from '@hono/node-server';
import type {Context} from 'hono';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {ApiEnv} from './api.ts';

/**
 * The body of a request as it arrives, also of one that does not say its length. It is read from Node's own request where
 * there is one: a web stream around it costs more than all else that is done for a heartbeat. Throws BAD_REQUEST.
 */
export async function* bodyChunks({env, req}: Context<ApiEnv>, bytesMax: number): AsyncGenerator<Uint8Array> {
  const incoming = (env as Partial<HttpBindings> | undefined)?.incoming;
  // Not destroyed when it is left early: its connection is still to carry the answer.
  const chunks = incoming ? incoming.iterator({destroyOnReturn: false}) : (req.raw.body ?? []);
  let length = 0;
  for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    if (length > bytesMax) throw new FustorError('BAD_REQUEST', `The body is larger than ${bytesMax} bytes.`);
    yield chunk;
  }
}
