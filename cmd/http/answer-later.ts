import type {ServerResponse} from 'node:http';
import type {HttpBindings} from '@hono/node-server';
import {RESPONSE_ALREADY_SENT} from '@hono/node-server/utils/response';
import type {Context} from 'hono';
import {FustorError} from '../../core/errors/fustor-error.ts';
import type {Log} from '../../core/log/log.ts';
import {type ApiEnv, errorHeaders, mayWait, type RetryAfter} from './api.ts';
import type {Key} from './keys.ts';

export type LateAnswer = {status: 200 | 304; headers: Record<string, string>; body: string | Uint8Array | null};

type Asked = {key: Key; revoked: AbortSignal};

/**
 * Answers that come when there is one. Meanwhile nothing of the request is kept but its connection, which is a third of what
 * would be: a thousand nodes have two questions each that wait.
 */
export class LateAnswers {
  readonly #leaving: AbortSignal;
  readonly #log: Log;
  readonly #retryAfter: RetryAfter;
  /** Those who wait until it aborts, by one listener for all: `AbortSignal.any` would keep two kilobytes for each. */
  readonly #waiting = new WeakMap<AbortSignal, Set<AbortController>>();

  constructor({leaving, log, retryAfter}: {leaving: AbortSignal; log: Log; retryAfter: RetryAfter}) {
    this.#leaving = leaving;
    this.#log = log;
    this.#retryAfter = retryAfter;
  }

  /** Answers when `ask` has, which must not hold the context. It is told when it may wait no longer. */
  async answer(context: Context<ApiEnv>, ask: (until: AbortSignal) => Promise<LateAnswer>): Promise<Response> {
    const outgoing = (context.env as Partial<HttpBindings> | undefined)?.outgoing;
    const {key, revoked} = context.var;
    if (!outgoing) {
      const {body, ...head} = await ask(mayWait(context, this.#leaving));
      return new Response(typeof body === 'string' || body === null ? body : new Uint8Array(body), head);
    }
    void this.#send(outgoing as ServerResponse, ask, {key, revoked});
    return RESPONSE_ALREADY_SENT;
  }

  async #send(
    outgoing: ServerResponse,
    ask: (until: AbortSignal) => Promise<LateAnswer>,
    {key, revoked}: Asked,
  ): Promise<void> {
    const until = new AbortController();
    const ends = [this.#endOf(revoked), this.#endOf(this.#leaving)];
    for (const end of ends) end.add(until);
    if (revoked.aborted || this.#leaving.aborted) until.abort('over');
    outgoing.once('close', () => until.abort('over'));
    try {
      const {status, headers, body} = await ask(until.signal);
      if (revoked.aborted && key.node) {
        throw new FustorError('UNAUTHENTICATED', `The token of ${key.name} was revoked.`);
      }
      const length: Record<string, number> = body === null ? {} : {'content-length': Buffer.byteLength(body)};
      outgoing.writeHead(status, {...headers, ...length}).end(body ?? undefined);
    } catch (error) {
      if (!(error instanceof FustorError)) {
        this.#log.error({error: error instanceof Error ? error.stack : String(error)}, 'internal error');
      }
      const told = error instanceof FustorError ? error : new FustorError('INTERNAL', 'The log has the details.');
      const headers = {'content-type': 'application/json', ...errorHeaders(told, this.#retryAfter)};
      outgoing.writeHead(told.status, headers).end(JSON.stringify(told.toBody()));
    } finally {
      for (const end of ends) end.delete(until);
    }
  }

  #endOf(signal: AbortSignal): Set<AbortController> {
    const known = this.#waiting.get(signal);
    if (known) return known;
    const waiting = new Set<AbortController>();
    this.#waiting.set(signal, waiting);
    signal.addEventListener('abort', () => {
      for (const one of [...waiting]) one.abort('over');
    });
    return waiting;
  }
}
