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
  toldUntilHeader,
  writeToldUntil,
} from '../../core/protocol/session.ts';
import {type SyncPointAnswer, type SyncPointRequest, syncPointAnswer} from '../../core/protocol/sync-point.ts';
import type {Sender, SentBatch} from '../../core/sender/sender.ts';

export type FusionSenderConfig = {
  url: string;
  key: string;
  requestTimeoutMs: number;
  /** PEM: the only authorities that the fusion is trusted by. Without it, the usual. */
  ca?: string[] | undefined;
};

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

  heartbeat(session: string, {toldUntil, ...json}: HeartbeatRequest, signal: AbortSignal): Promise<SessionProgress> {
    const headers = toldUntil && {[toldUntilHeader]: writeToldUntil(toldUntil)};
    const call = {method: 'POST', path: `/${session}/heartbeat`, json, ...(headers && {headers}), signal};
    return this.#call(sessionProgress, {...call, heldMs: json.wait_ms});
  }

  syncPoint(session: string, request: SyncPointRequest, signal: AbortSignal): Promise<SyncPointAnswer> {
    const call = {method: 'POST', path: `/${session}/sync-points`, json: request, signal};
    return this.#call(syncPointAnswer, {...call, heldMs: request.wait_ms ?? 0});
  }

  send({session, number, sentAt, toldUntil, bytes}: SentBatch, signal: AbortSignal): Promise<SessionProgress> {
    const headers = {
      'content-type': batchContentType,
      [batchNumberHeader]: String(number),
      [sentAtHeader]: String(sentAt),
      ...(toldUntil && {[toldUntilHeader]: writeToldUntil(toldUntil)}),
    };
    return this.#call(sessionProgress, {method: 'POST', path: `/${session}/events`, body: bytes, headers, signal});
  }

  async end(session: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#exchange({method: 'DELETE', path: `/${session}`, signal});
    } catch (error) {
      if (!(error instanceof FustorError) || error.code !== 'SESSION_UNKNOWN') throw error; // that one has ended
    }
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
    const {status, text, retryAfterMs} = await this.#transferred({method, path, bytes, headers, signal, heldMs});
    const answer = parse(text);
    if (status >= 200 && status < 300) return answer;
    const told = (answer as {error?: {code?: string; message?: string; hint?: string; details?: object}})?.error;
    const code: ErrorCode =
      told?.code !== undefined && told.code in errorCodes ? (told.code as ErrorCode) : 'UNREACHABLE';
    throw new FustorError(code, told?.message ?? `${this.#config.url} answered with the status ${status}.`, {
      ...(told?.hint !== undefined && {hint: told.hint}),
      ...(told?.details && {details: told.details as Record<string, unknown>}),
      retryAfterMs,
    });
  }

  /**
   * Once more at once when the connection broke: a gateway that was killed takes the connections that it had accepted with
   * it. All that is sent may be sent twice: a batch counts once by its number, a session is taken up by its instance.
   */
  async #transferred(transfer: Transfer): Promise<Transferred> {
    const timeoutMs = this.#config.requestTimeoutMs + transfer.heldMs;
    const timeout = AbortSignal.timeout(timeoutMs);
    const ended = AbortSignal.any([transfer.signal, timeout]);
    try {
      return await this.#transfer(transfer, ended, this.#agent).catch(error => {
        if (ended.aborted || !brokenConnection.has(systemErrorCode(error) ?? '')) throw error;
        return this.#transfer(transfer, ended, false); // a new connection: others that were kept may be broken, too
      });
    } catch (error) {
      if (transfer.signal.aborted) throw error;
      const found = systemErrorCode(error) ?? (error instanceof Error ? error.message : String(error));
      const reason = timeout.aborted ? `no answer within ${timeoutMs} ms` : found;
      const code = timeout.aborted ? 'TIMED_OUT' : 'UNREACHABLE';
      throw new FustorError(code, `Cannot reach ${this.#config.url}: ${reason}.`, {cause: error});
    }
  }

  #transfer({method, path, bytes, headers}: Transfer, signal: AbortSignal, agent: Agent | false): Promise<Transferred> {
    return new Promise((resolve, reject) => {
      const sent = this.#request(
        this.#base + path,
        {
          agent,
          method,
          ...(this.#config.ca && {ca: this.#config.ca}),
          headers: {
            'content-type': 'application/json',
            ...headers,
            authorization: `Bearer ${this.#config.key}`,
            'content-length': bytes.byteLength,
          },
          signal,
        },
        (response: IncomingMessage) => {
          const chunks: Buffer[] = [];
          response.on('data', chunk => chunks.push(chunk));
          response.on('end', () =>
            resolve({
              status: response.statusCode!,
              text: Buffer.concat(chunks).toString(),
              retryAfterMs: retryAfterMs(response.headers['retry-after']),
            }),
          );
          response.on('error', reject);
        },
      );
      sent.on('error', reject);
      sent.end(bytes);
    });
  }
}

const brokenConnection = new Set(['ECONNRESET', 'EPIPE']);
const retryAfterMsMax = 60_000;

/** Fusions say it in seconds; a proxy that names a date is not understood. */
function retryAfterMs(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,9}$/.test(header)
    ? Math.min(Number(header) * 1000, retryAfterMsMax)
    : undefined;
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
type Transfer = {
  method: string;
  path: string;
  bytes: Uint8Array;
  headers: Record<string, string> | undefined;
  signal: AbortSignal;
  heldMs: number;
};
type Transferred = {status: number; text: string; retryAfterMs: number | undefined};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
