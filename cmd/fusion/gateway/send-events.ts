import type {ServerResponse} from 'node:http';
import type {HttpBindings} from '@hono/node-server';
import {RESPONSE_ALREADY_SENT} from '@hono/node-server/utils/response';
import type {GatewayContext} from './app.ts';
import {failAnswer} from './fail-answer.ts';
import type {SendParts} from './send-chunks.ts';

/** Makes an answer until `gone` aborts: each piece is asked for when the client has taken the one before. */
export type EventStream = (gone: AbortSignal) => AsyncGenerator<Uint8Array>;

const headers = {'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no'};

/** Sends server-sent events as they come. A client that is slow has one piece in memory; one that hangs up ends the work. */
export function sendEvents(context: GatewayContext, events: EventStream, {waiting, log, view}: SendParts): Response {
  if (context.req.method === 'HEAD') return new Response(null, {headers});
  const gone = new AbortController();
  const outgoing = (context.env as Partial<HttpBindings> | undefined)?.outgoing as ServerResponse | undefined;
  if (!outgoing) return new Response(ReadableStream.from(events(gone.signal)), {headers});
  outgoing.once('close', () => {
    waiting.remove(outgoing);
    gone.abort();
  });
  const key = context.get('key');
  const send = async () => {
    outgoing.writeHead(200, headers);
    for await (const piece of events(gone.signal)) {
      if (outgoing.destroyed) return;
      waiting.add(outgoing);
      await new Promise<unknown>(resolve => outgoing.write(piece, resolve));
      waiting.remove(outgoing);
    }
    outgoing.end();
  };
  send().catch((error: unknown) => failAnswer(outgoing, error, {log, view, key}));
  return RESPONSE_ALREADY_SENT;
}
