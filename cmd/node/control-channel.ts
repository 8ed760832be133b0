import type {ControlChannel} from '../../core/control/control-loop.ts';
import {
  type ControlHeartbeat,
  type ControlHeartbeatAnswer,
  controlHeartbeatAnswer,
} from '../../core/control/protocol.ts';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {parseJson, refusalOf, type Way} from './http-way.ts';

export type ControlChannelSettings = {
  way: Way;
  /** Undefined: the node has none yet. */
  token: () => string | undefined;
  /** An answer comes so long after it may have been kept back at most, to its last byte. */
  answerMs?: number;
};

/** A thousand commands; more is not of a controller. */
const answerBytesMax = 2 ** 20;

/** Heartbeats over HTTP. */
export class HttpControlChannel implements ControlChannel {
  readonly #way: Way;
  readonly #token: () => string | undefined;
  readonly #answerMs: number;

  constructor({way, token, answerMs = 10_000}: ControlChannelSettings) {
    this.#way = way;
    this.#token = token;
    this.#answerMs = answerMs;
  }

  async heartbeat(request: ControlHeartbeat, signal: AbortSignal): Promise<ControlHeartbeatAnswer> {
    const way = this.#way;
    const token = this.#token();
    if (token === undefined) throw new FustorError('UNREACHABLE', 'This node has not been enrolled yet.');
    const answer = await way.ask({
      method: 'POST',
      path: '/api/v1/control/heartbeat',
      headers: {'content-type': 'application/json', authorization: `Bearer ${token}`},
      body: JSON.stringify(request),
      timeoutMs: request.wait_ms + this.#answerMs,
      answerBytesMax,
      signal,
    });
    const result = answer.status === 200 ? controlHeartbeatAnswer.safeParse(parseJson(answer.bytes).data) : undefined;
    if (result?.success) return result.data;
    throw refusalOf(way.name, answer);
  }
}
