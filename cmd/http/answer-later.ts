import type {ServerResponse} from 'node:http';
import type {HttpBindings} from '@hono/node-server';
import {RESPONSE_ALREADY_SENT} from '@hono/node-server/utils/response';
import type {Context} from 'hono';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Log} from '../../core/log/log.ts';
import {type ApiEnv, errorHeaders, mayWait, type RetryAfter} from './api.ts';
import type {Key} from './keys.ts';

export type LateAnswer = {status: 200 | 304; headers: Record<string, string>; body: string | Uint8Array | null};

/**
 * Answers when `ask` has. Meanwhile nothing of the request is kept but its connection, which is a third of what would be:
 * a thousand nodes have two questions each that wait. `ask` must not hold the context. It is told when it may wait no longer.
 */
export async function answerLater(
  context: Context<ApiEnv>,
  {leaving, ...parts}: {leaving: AbortSignal; log: Log; retryAfter: RetryAfter},
  ask: (until: AbortSignal) => Promise<LateAnswer>,
): Promise<Response> {
  const outgoing = (context.env as Partial<HttpBindings> | undefined)?.outgoing;
  const {key, revoked} = context.var;
  if (!outgoing) {
    const {body, ...head} = await ask(mayWait(context, leaving));
    return new Response(typeof body === 'string' || body === null ? body : new Uint8Array(body), head);
  }
  const closed = new AbortController();
  outgoing.once('close', () => closed.abort('over'));
  const coming = ask(AbortSignal.any([closed.signal, revoked, leaving]));
  void send(outgoing as ServerResponse, coming, {key, revoked, ...parts});
  return RESPONSE_ALREADY_SENT;
}

async function send(
  outgoing: ServerResponse,
  coming: Promise<LateAnswer>,
  {key, revoked, log, retryAfter}: {key: Key; revoked: AbortSignal; log: Log; retryAfter: RetryAfter},
): Promise<void> {
  try {
    const {status, headers, body} = await coming;
    if (revoked.aborted && key.node) {
      throw new FustorError('UNAUTHENTICATED', `The token of ${key.name} was revoked.`);
    }
    const length: Record<string, number> = body === null ? {} : {'content-length': Buffer.byteLength(body)};
    outgoing.writeHead(status, {...headers, ...length}).end(body ?? undefined);
  } catch (error) {
    if (!(error instanceof FustorError)) {
      log.error({error: error instanceof Error ? error.stack : String(error)}, 'internal error');
    }
    const told = error instanceof FustorError ? error : new FustorError('INTERNAL', 'The log has the details.');
    const headers = {'content-type': 'application/json', ...errorHeaders(told, retryAfter)};
    outgoing.writeHead(told.status, headers).end(JSON.stringify(told.toBody()));
  }
}
