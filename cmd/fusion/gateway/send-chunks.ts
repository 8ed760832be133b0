import type {ServerResponse} from 'node:http';
import type {HttpBindings} from '@hono/node-server';
import {RESPONSE_ALREADY_SENT} from '@hono/node-server/utils/response';
import type {Log} from '../../../core/log/log.ts';
import type {GatewayContext} from './app.ts';
import type {Turns} from './turns.ts';
import type {WaitingClients} from './waiting-clients.ts';

/**
 * An answer in chunks of pieces. `next` makes one of about so many bytes, when the client has taken the one before: it may put
 * them where those of the one before were.
 */
export type Chunks = {
  first: Uint8Array[];
  next: (bytesMax: number) => Uint8Array[] | undefined;
  isDone: boolean;
  /** Default: JSON. */
  contentType?: string | undefined;
  headers?: Record<string, string>;
  /** Asked for behind the last chunk, for an answer that was not done with its first. */
  trailers?: {names: readonly string[]; values: () => Record<string, string>} | undefined;
};

export type SendParts = {turns: Turns; waiting: WaitingClients; log: Log};

/**
 * Sends an answer as it is made. One chunk is in memory, until the client has taken it; one that hangs up stops the work;
 * and each further chunk waits for its turn.
 *
 * On a real server it is written to Node's response: a web stream halves the speed of large answers, and a body in one
 * piece, which small ones would need, costs more than making it from what is kept.
 */
export function sendChunks(context: GatewayContext, chunks: Chunks, parts: SendParts): Response {
  const outgoing = (context.env as Partial<HttpBindings> | undefined)?.outgoing;
  if (outgoing && context.req.method === 'GET') {
    write(outgoing as ServerResponse, chunks, parts);
    return RESPONSE_ALREADY_SENT;
  }
  const {first, next, isDone} = chunks;
  const headers = headersOf(chunks);
  if (isDone) return new Response(Buffer.concat(first), {headers});
  return new Response(
    streamOf(first, () => next(parts.waiting.chunkBytes)),
    {headers},
  );
}

function headersOf({
  first,
  isDone,
  contentType = 'application/json',
  headers,
  trailers,
}: Chunks): Record<string, string> {
  const rest = isDone ? lengthOf(first) : trailers && {trailer: trailers.names.join(', ')};
  return {'content-type': contentType, ...headers, ...rest};
}

function write(outgoing: ServerResponse, chunks: Chunks, {turns, waiting, log}: SendParts): void {
  const {first, next, isDone, trailers} = chunks;
  outgoing.writeHead(200, headersOf(chunks));
  if (isDone) {
    for (const piece of first) outgoing.write(piece);
    outgoing.end();
    return;
  }
  const goOn = () => {
    if (outgoing.destroyed) return;
    try {
      const pieces = next(waiting.chunkBytes);
      if (pieces) writeChunk(pieces);
      else {
        if (trailers) outgoing.addTrailers(trailers.values());
        outgoing.end();
      }
    } catch (error) {
      // Too late for another status: an answer that breaks off is one that no client takes for whole.
      log.error({error: error instanceof Error ? error.stack : String(error)}, 'an answer broke off');
      outgoing.destroy();
    }
  };
  const onTaken = (error?: Error | null) => {
    waiting.remove(outgoing);
    if (!error) turns.take(goOn);
  };
  const writeChunk = (pieces: Uint8Array[]) => {
    waiting.add(outgoing);
    // Not "drain": that comes when there is room for more, and would let each client have more in memory than its chunk.
    for (const [index, piece] of pieces.entries()) {
      if (index < pieces.length - 1) outgoing.write(piece);
      else outgoing.write(piece, onTaken);
    }
  };
  outgoing.once('close', () => waiting.remove(outgoing));
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
