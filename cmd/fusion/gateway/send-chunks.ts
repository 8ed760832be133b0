import type {ServerResponse} from 'node:http';
import type {HttpBindings} from '@hono/node-server';
import {RESPONSE_ALREADY_SENT} from '@hono/node-server/utils/response';
import type {Log} from '../../../core/log/log.ts';
import type {GatewayContext} from './app.ts';
import {type ChunkEncoder, newEncoder} from './chunk-encoder.ts';
import {acceptedCoding, type Coding} from './content-coding.ts';
import {failAnswer} from './fail-answer.ts';
import {viewHeaders} from './not-modified.ts';
import type {Turns} from './turns.ts';
import type {WaitingClients} from './waiting-clients.ts';

/** An answer in chunks of pieces. `next` makes one of about so many bytes, when the client has taken the one before. */
export type Chunks = {
  first: Uint8Array[];
  next: (bytesMax: number) => Uint8Array[] | undefined;
  isDone: boolean;
  /** Default: JSON. */
  contentType?: string | undefined;
  etag?: string | undefined;
  headers?: Record<string, string> | undefined;
  /** Asked for behind the last chunk, for an answer that was not done with its first. */
  trailers?: {names: readonly string[]; values: () => Record<string, string>} | undefined;
};

/** `view`: told when an answer breaks off. */
export type SendParts = {turns: Turns; waiting: WaitingClients; log: Log; view?: string};

type Headers = Record<string, string>;
type Fail = (error: unknown) => void;

/** What is shorter is sent as it is: it goes in one packet in any case. */
const codedBytesMin = 1024;

/**
 * Sends an answer as it is made, compressed as the client likes. One chunk is in memory, until the client has taken it; one
 * that hangs up stops the work; and each further chunk waits for its turn.
 *
 * On a real server it is written to Node's response: a web stream halves the speed of large answers, and a body in one
 * piece, which small ones would need, costs more than making it from what is kept.
 */
export function sendChunks(context: GatewayContext, chunks: Chunks, parts: SendParts): Response {
  const isSmall = chunks.isDone && lengthOf(chunks.first) < codedBytesMin;
  const coding = isSmall ? undefined : acceptedCoding(context);
  const outgoing = (context.env as Partial<HttpBindings> | undefined)?.outgoing as ServerResponse | undefined;
  const isHead = context.req.method === 'HEAD';
  // Behind what is not in chunks nothing can follow; Node takes its announcement for a mistake.
  const mayTrail = !isHead && (outgoing?.useChunkedEncodingByDefault ?? true);
  const headers = headersOf(chunks, {coding, mayTrail});
  if (isHead) return new Response(null, {headers});
  const encoder = coding && newEncoder(coding);
  if (!outgoing) return new Response(streamOf(chunks, encoder, parts.waiting), {headers});
  const {log, view} = parts;
  const key = context.get('key');
  const fail = (error: unknown) => failAnswer(outgoing, error, {log, view, key});
  if (!chunks.isDone) write(outgoing, headers, {chunks, encoder, parts, fail});
  else if (encoder) void writeCoded(outgoing, headers, {pieces: chunks.first, encoder, fail});
  else writeWhole(outgoing, headers, chunks.first);
  return RESPONSE_ALREADY_SENT;
}

function headersOf(
  {first, isDone, contentType, etag, headers, trailers}: Chunks,
  {coding, mayTrail}: {coding: Coding | undefined; mayTrail: boolean},
): Headers {
  return {
    'content-type': contentType ?? 'application/json',
    ...viewHeaders(etag),
    ...headers,
    ...(coding && {'content-encoding': coding}),
    ...(isDone && !coding && {'content-length': String(lengthOf(first))}),
    ...(!isDone && mayTrail && trailers && {trailer: trailers.names.join(', ')}),
  };
}

function writeWhole(outgoing: ServerResponse, headers: Headers, pieces: Uint8Array[]): void {
  outgoing.writeHead(200, headers);
  for (const piece of pieces) outgoing.write(piece);
  outgoing.end();
}

async function writeCoded(
  outgoing: ServerResponse,
  headers: Headers,
  {pieces, encoder, fail}: {pieces: Uint8Array[]; encoder: ChunkEncoder; fail: Fail},
): Promise<void> {
  try {
    const coded = [...(await encoder.encode(pieces)), ...encoder.end()];
    writeWhole(outgoing, {...headers, 'content-length': String(lengthOf(coded))}, coded);
  } catch (error) {
    fail(error);
  }
}

type Writing = {chunks: Chunks; encoder: ChunkEncoder | undefined; parts: SendParts; fail: Fail};

function write(outgoing: ServerResponse, headers: Headers, {chunks, encoder, parts, fail}: Writing): void {
  const {first, next, trailers} = chunks;
  const {turns, waiting} = parts;
  if (outgoing.destroyed) return; // it tells of its end once only
  outgoing.writeHead(200, headers);
  const goOn = () => {
    if (outgoing.destroyed) return;
    try {
      const pieces = next(waiting.chunkBytes);
      if (pieces) writeChunk(pieces);
      else {
        for (const piece of encoder?.end() ?? []) outgoing.write(piece);
        if (trailers) outgoing.addTrailers(trailers.values());
        outgoing.end();
      }
    } catch (error) {
      fail(error);
    }
  };
  const onTaken = (error?: Error | null) => {
    waiting.remove(outgoing);
    if (!error) turns.take(goOn);
  };
  const put = (pieces: Uint8Array[]) => {
    if (outgoing.destroyed) return;
    waiting.add(outgoing);
    // Not "drain": that comes when there is room for more, and would let each client have more in memory than its chunk.
    for (const [index, piece] of pieces.entries()) {
      if (index < pieces.length - 1) outgoing.write(piece);
      else outgoing.write(piece, onTaken);
    }
  };
  const writeChunk = (pieces: Uint8Array[]) => {
    if (!encoder) return put(pieces);
    waiting.add(outgoing); // it takes its share of the memory from now on
    encoder.encode(pieces).then(put, fail);
  };
  outgoing.once('close', () => waiting.remove(outgoing));
  writeChunk(first);
}

function streamOf(
  {first, next, isDone}: Chunks,
  encoder: ChunkEncoder | undefined,
  waiting: WaitingClients,
): ReadableStream<Uint8Array> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let pieces: Uint8Array[] | undefined = first; pieces; pieces = isDone ? undefined : next(waiting.chunkBytes))
      yield Buffer.concat(encoder ? await encoder.encode(pieces) : pieces);
    yield* encoder?.end() ?? [];
  }
  return ReadableStream.from(chunks());
}

export function lengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, {byteLength}) => sum + byteLength, 0);
}
