import type {ServerResponse} from 'node:http';
import type {HttpBindings} from '@hono/node-server';
import {RESPONSE_ALREADY_SENT} from '@hono/node-server/utils/response';
import type {GatewayContext} from './app.ts';

/** An answer of JSON in chunks of pieces. `next` makes a chunk when the client has taken the one before. */
export type Chunks = {first: Uint8Array[]; next: () => Uint8Array[] | undefined; isDone: boolean};

const contentType = {'content-type': 'application/json'};

/**
 * Sends an answer as it is made. Memory stays bounded with a slow client, one that hangs up stops the work, and other
 * requests get their turn between two chunks.
 *
 * On a real server it is written to Node's response: a web stream halves the speed of large answers, and a body in one
 * piece, which small ones would need, costs more than making it from what is kept.
 */
export function sendChunks(context: GatewayContext, chunks: Chunks): Response {
  const outgoing = (context.env as Partial<HttpBindings> | undefined)?.outgoing;
  if (outgoing && context.req.method === 'GET') {
    write(outgoing as ServerResponse, chunks);
    return RESPONSE_ALREADY_SENT;
  }
  const {first, next, isDone} = chunks;
  if (isDone) return new Response(Buffer.concat(first), {headers: {...contentType, ...lengthOf(first)}});
  return new Response(streamOf(first, next), {headers: contentType});
}

function write(outgoing: ServerResponse, {first, next, isDone}: Chunks): void {
  outgoing.writeHead(200, isDone ? {...contentType, ...lengthOf(first)} : contentType);
  if (isDone) {
    for (const piece of first) outgoing.write(piece);
    outgoing.end();
    return;
  }
  const goOn = () => {
    if (outgoing.destroyed) return;
    try {
      const pieces = next();
      if (pieces) writeChunk(pieces);
      else outgoing.end();
    } catch (error) {
      // Too late for another status: an answer that breaks off is one that no client takes for whole.
      outgoing.destroy(error as Error);
    }
  };
  const writeChunk = (pieces: Uint8Array[]) => {
    let isTaken = true;
    for (const piece of pieces) isTaken = outgoing.write(piece);
    if (isTaken) setImmediate(goOn);
    else outgoing.once('drain', goOn);
  };
  writeChunk(first);
}

function streamOf(first: Uint8Array[], next: () => Uint8Array[] | undefined): ReadableStream<Uint8Array> {
  let isFirst = true;
  return new ReadableStream<Uint8Array>(
    {
      pull: controller => {
        const pieces = isFirst ? first : next();
        isFirst = false;
        if (pieces) controller.enqueue(Buffer.concat(pieces));
        else controller.close();
      },
    },
    {highWaterMark: 0},
  );
}

function lengthOf(pieces: readonly Uint8Array[]): {'content-length': string} {
  return {'content-length': String(pieces.reduce((sum, {byteLength}) => sum + byteLength, 0))};
}
