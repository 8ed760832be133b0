import {Agent, request as httpRequest, type IncomingMessage} from 'node:http';
import {request as httpsRequest, Agent as TlsAgent} from 'node:https';
import type {z} from 'zod';
import {type ErrorCode, errorCodes} from '../../core/errors/codes.ts';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import {batchContentType, batchNumberHeader, sentAtHeader} from '../../core/protocol/batch.ts';
import {
  type HeartbeatRequest,
  type OpenSessionAnswer,
  type OpenSessionRequest,
  openSessionAnswer,
  type SessionProgress,
  sessionProgress,
} from '../../core/protocol/session.ts';
import {retryAfterDetail, type Sender} from '../../core/sender/sender.ts';

export type FusionSenderConfig = {url: string; key: string; requestTimeoutMs: number};

/** Over HTTP to a fusion, connections kept. */
export class FusionSender implements Sender {
  readonly #base: string;
  readonly #config: FusionSenderConfig;
  readonly #agent: Agent;
  readonly #request: typeof httpRequest;

  constructor(config: FusionSenderConfig) {
    this.#config = config;
    this.#base = `${config.url.replace(/\/+$/, '')}/api/v1/pipe/sessions`;
    const isTls = config.url.startsWith('https:');
    this.#agent = new (isTls ? TlsAgent : Agent)({keepAlive: true, maxSockets: 32});
    this.#request = isTls ? httpsRequest : httpRequest;
  }

  open(request: OpenSessionRequest, signal: AbortSignal): Promise<OpenSessionAnswer> {
    return this.#call(openSessionAnswer, {method: 'POST', path: '', json: request, signal});
  }

  heartbeat(session: string, request: HeartbeatRequest, signal: AbortSignal): Promise<SessionProgress> {
    const call = {method: 'POST', path: `/${session}/heartbeat`, json: request, signal};
    return this.#call(sessionProgress, {...call, heldMs: request.wait_ms});
  }

  send(
    {session, number, sentAt, bytes}: {session: string; number: number; sentAt: number; bytes: Uint8Array},
    signal: AbortSignal,
  ): Promise<SessionProgress> {
    const headers = {
      'content-type': batchContentType,
      [batchNumberHeader]: String(number),
      [sentAtHeader]: String(sentAt),
    };
    return this.#call(sessionProgress, {method: 'POST', path: `/${session}/events`, body: bytes, headers, signal});
  }

  async end(session: string, signal: AbortSignal): Promise<void> {
    await this.#exchange({method: 'DELETE', path: `/${session}`, signal});
  }

  async close(): Promise<void> {
    this.#agent.destroy();
  }

  async #call<T extends z.ZodType>(answer: T, call: Call): Promise<z.output<T>> {
    const body = await this.#exchange(call);
    const result = answer.safeParse((body as {data?: unknown} | undefined)?.data);
    if (result.success) return result.data;
    throw new FustorError('UNREACHABLE', `${this.#config.url} answered something that is not of a fusion.`, {
      hint: 'Check "url" of the sender.',
    });
  }

  async #exchange({method, path, json, body, headers, signal, heldMs = 0}: Call): Promise<unknown> {
    const bytes = body ?? Buffer.from(json === undefined ? '' : JSON.stringify(json));
    const {status, text, retryAfterS} = await this.#transfer({method, path, bytes, headers, signal, heldMs});
    const answer = parse(text);
    if (status >= 200 && status < 300) return answer;
    const told = (answer as {error?: {code?: string; message?: string; hint?: string; details?: object}})?.error;
    const code: ErrorCode =
      told?.code !== undefined && told.code in errorCodes ? (told.code as ErrorCode) : 'UNREACHABLE';
    throw new FustorError(code, told?.message ?? `${this.#config.url} answered with the status ${status}.`, {
      ...(told?.hint !== undefined && {hint: told.hint}),
      details: {...told?.details, ...(retryAfterS > 0 && {[retryAfterDetail]: 1000 * retryAfterS})},
    });
  }

  #transfer({method, path, bytes, headers, signal, heldMs}: Transfer): Promise<Received> {
    const {url, key, requestTimeoutMs} = this.#config;
    const timeoutMs = requestTimeoutMs + heldMs;
    const timeout = AbortSignal.timeout(timeoutMs);
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        if (signal.aborted) return reject(error);
        const reason = timeout.aborted ? `no answer within ${timeoutMs} ms` : (systemErrorCode(error) ?? error.message);
        reject(
          new FustorError(timeout.aborted ? 'TIMED_OUT' : 'UNREACHABLE', `Cannot reach ${url}: ${reason}.`, {
            cause: error,
          }),
        );
      };
      const sent = this.#request(
        this.#base + path,
        {
          agent: this.#agent,
          method,
          headers: {
            'content-type': 'application/json',
            ...headers,
            authorization: `Bearer ${key}`,
            'content-length': bytes.byteLength,
          },
          signal: AbortSignal.any([signal, timeout]),
        },
        (response: IncomingMessage) => {
          const chunks: Buffer[] = [];
          response.on('data', chunk => chunks.push(chunk));
          const retryAfterS = Number(response.headers['retry-after'] ?? 0);
          response.on('end', () =>
            resolve({status: response.statusCode!, text: Buffer.concat(chunks).toString(), retryAfterS}),
          );
          response.on('error', fail);
        },
      );
      sent.on('error', fail);
      sent.end(bytes);
    });
  }
}

type Call = {
  method: string;
  path: string;
  json?: unknown;
  body?: Uint8Array;
  headers?: Record<string, string>;
  signal: AbortSignal;
  /** How long the other side may keep the answer back. */
  heldMs?: number;
};
/** `retryAfterS`: 0 when it says nothing that is a number. */
type Received = {status: number; text: string; retryAfterS: number};
type Transfer = {
  method: string;
  path: string;
  bytes: Uint8Array;
  headers: Record<string, string> | undefined;
  signal: AbortSignal;
  heldMs: number;
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
