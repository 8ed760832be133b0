import {Agent, request as httpRequest, type IncomingMessage} from 'node:http';
import {request as httpsRequest, Agent as TlsAgent} from 'node:https';
import type {ControlChannel} from '../../core/control/control-loop.ts';
import {
  type ControlHeartbeat,
  type ControlHeartbeatAnswer,
  controlHeartbeatAnswer,
} from '../../core/control/protocol.ts';
import {type ErrorCode, errorCodes} from '../../core/errors/codes.ts';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';

export type ControlChannelSettings = {
  url: string;
  key: string;
  /** An answer comes so long after it may have been kept back at most, to its last byte. */
  answerMs?: number;
};

/** A thousand commands; more is not of a controller. */
const answerBytesMax = 2 ** 20;

/** Heartbeats over HTTP, connections kept. */
export class HttpControlChannel implements ControlChannel {
  readonly #url: string;
  readonly #key: string;
  readonly #answerMs: number;
  readonly #agent: Agent;
  readonly #request: typeof httpRequest;

  constructor({url, key, answerMs = 10_000}: ControlChannelSettings) {
    this.#answerMs = answerMs;
    this.#url = url.replace(/\/+$/, '');
    this.#key = key;
    const isTls = url.startsWith('https:');
    this.#agent = new (isTls ? TlsAgent : Agent)({keepAlive: true, maxSockets: 2});
    this.#request = isTls ? httpsRequest : httpRequest;
  }

  async heartbeat(request: ControlHeartbeat, signal: AbortSignal): Promise<ControlHeartbeatAnswer> {
    const timeoutMs = request.wait_ms + this.#answerMs;
    const timeout = AbortSignal.timeout(timeoutMs);
    const answer = await this.#post(JSON.stringify(request), AbortSignal.any([signal, timeout])).catch(cause => {
      if (cause instanceof FustorError) throw cause;
      const reason = timeout.aborted
        ? `no answer within ${timeoutMs / 1000} s`
        : (systemErrorCode(cause) ?? String(cause));
      throw new FustorError(timeout.aborted ? 'TIMED_OUT' : 'UNREACHABLE', `Cannot reach ${this.#url}: ${reason}.`, {
        cause,
      });
    });
    return this.#read(answer);
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(body: string, signal: AbortSignal): Promise<{status: number; text: string}> {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: `Bearer ${this.#key}`,
    };
    return new Promise((resolve, reject) => {
      const options = {agent: this.#agent, method: 'POST', headers, signal};
      const sent = this.#request(`${this.#url}/api/v1/control/heartbeat`, options, response => {
        readText(response).then(text => resolve({status: response.statusCode!, text}), reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  #read({status, text}: {status: number; text: string}): ControlHeartbeatAnswer {
    const {data, error} = parse(text);
    const result = status === 200 ? controlHeartbeatAnswer.safeParse(data) : undefined;
    if (result?.success) return result.data;
    const told = error as {code?: unknown; message?: unknown} | undefined;
    if (status === 200 || typeof told?.message !== 'string') {
      throw new FustorError('UNREACHABLE', `${this.#url} answered ${status}, and not as a controller does.`);
    }
    const code = String(told.code) in errorCodes ? (told.code as ErrorCode) : 'UNREACHABLE';
    throw new FustorError(code, `${this.#url} answered ${status}: ${told.message}`);
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += chunk.length;
    if (length > answerBytesMax)
      throw new FustorError('UNREACHABLE', `The answer is larger than ${answerBytesMax} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parse(text: string): {data?: unknown; error?: unknown} {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
