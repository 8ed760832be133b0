import {Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage} from 'node:http';
import {request as httpsRequest, Agent as TlsAgent} from 'node:https';
import {type ErrorCode, errorCodes} from '../../core/errors/codes.ts';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';
import {requestUnix} from '../unix-socket.ts';
import type {TlsMaterial} from './identity.ts';

export type Question = {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** To the last byte of the answer. */
  timeoutMs: number;
  answerBytesMax: number;
  signal: AbortSignal;
};
export type Answer = {status: number; headers: IncomingHttpHeaders; bytes: Buffer};

/** The way to a controller: by its address, or by the unix socket of the one that is embedded beside this shell. */
export interface Way {
  /** How the controller is called in messages. */
  readonly name: string;
  /** Whatever the answer is. Rejects with UNREACHABLE or TIMED_OUT when there is none; follows no redirection. */
  ask(question: Question): Promise<Answer>;
  /** From now on as this one. */
  use(tls: TlsMaterial): void;
  close(): void;
}

/** Connections are kept. */
export class HttpWay implements Way {
  readonly name: string;
  readonly #isTls: boolean;
  #agent: Agent;

  constructor(url: string, tls: TlsMaterial = {}) {
    this.name = url.replace(/\/+$/, '');
    this.#isTls = url.startsWith('https:');
    this.#agent = this.#agentWith(tls);
  }

  /** What is under way goes on as who it began. */
  use(tls: TlsMaterial): void {
    retire(this.#agent);
    this.#agent = this.#agentWith(tls);
  }

  async ask({timeoutMs, signal, ...question}: Question): Promise<Answer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await this.#ask(question, AbortSignal.any([signal, timeout]));
    } catch (cause) {
      if (cause instanceof FustorError) throw cause;
      throw notReached(this.name, {cause, timeoutMs, isTimedOut: timeout.aborted});
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #agentWith(tls: TlsMaterial): Agent {
    // Two heartbeats, and a pull that is held.
    const options = {keepAlive: true, maxSockets: 4};
    const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
    return this.#isTls ? new TlsAgent({...options, ...given}) : new Agent(options);
  }

  #ask(
    {method, path, headers, body, answerBytesMax}: Omit<Question, 'timeoutMs' | 'signal'>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const length = body === undefined ? {} : {'content-length': Buffer.byteLength(body)};
    return new Promise((resolve, reject) => {
      const options = {agent: this.#agent, method, headers: {...headers, ...length}, signal};
      const request = this.#isTls ? httpsRequest : httpRequest;
      const sent = request(`${this.name}${path}`, options, response => {
        const {statusCode: status, headers} = response;
        readBytes(response, answerBytesMax).then(bytes => resolve({status: status!, headers, bytes}), reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

export class UnixWay implements Way {
  readonly name = 'the embedded controller';
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async ask({body, timeoutMs, method, path, headers, signal}: Question): Promise<Answer> {
    const bytes = body === undefined ? undefined : Buffer.from(body);
    try {
      const asked = {socket: this.#socket, method, path, headers, body: bytes, timeoutMs, signal};
      const answer = await requestUnix(asked);
      return {status: answer.status, headers: answer.headers, bytes: answer.body};
    } catch (cause) {
      const isTimedOut = cause instanceof Error && cause.name === 'TimeoutError';
      throw notReached(this.name, {cause, timeoutMs, isTimedOut});
    }
  }

  use(): void {}
  close(): void {}
}

/** No new connection, and the end of each when its answer is there. */
function retire(agent: Agent): void {
  Object.assign(agent, {keepAlive: false});
  for (const idle of Object.values(agent.freeSockets).flat()) idle?.destroy();
}

/** What an answer says that is not what was asked for. `retryAfterMs` is what it asks for. */
export function refusalOf(name: string, {status, headers, bytes}: Answer): FustorError {
  const {error} = parseJson(bytes) as {error?: {code?: unknown; message?: unknown; hint?: unknown}};
  const retryAfterMs = retryAfter(headers['retry-after']);
  if (typeof error?.message !== 'string') {
    const message = `${name} answered ${status}, and not as a controller does.`;
    return new FustorError('UNREACHABLE', message, {retryAfterMs});
  }
  const code = String(error.code) in errorCodes ? (error.code as ErrorCode) : 'UNREACHABLE';
  return new FustorError(code, `${name} answered ${status}: ${error.message}`, {
    retryAfterMs,
    ...(typeof error.hint === 'string' && {hint: error.hint}),
  });
}

/** An empty object for what is no JSON object. */
export function parseJson(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Longer than this nobody is told to wait who might be needed. */
const retryAfterMsMax = 300_000;

function retryAfter(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  return Math.min(retryAfterMsMax, Number(text) * 1_000);
}

function notReached(
  name: string,
  {cause, timeoutMs, isTimedOut}: {cause: unknown; timeoutMs: number; isTimedOut: boolean},
): FustorError {
  const reason = isTimedOut ? `no answer within ${timeoutMs / 1_000} s` : (systemErrorCode(cause) ?? String(cause));
  return new FustorError(isTimedOut ? 'TIMED_OUT' : 'UNREACHABLE', `Cannot reach ${name}: ${reason}.`, {cause});
}

async function readBytes(response: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > bytesMax) throw new FustorError('UNREACHABLE', `The answer is larger than ${bytesMax} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
