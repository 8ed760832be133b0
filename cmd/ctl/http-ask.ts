import {request as httpRequest, type IncomingMessage} from 'node:http';
import {request as httpsRequest} from 'node:https';
import {setTimeout as sleep} from 'node:timers/promises';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';

export type HttpAnswer = {status: number; location: string | undefined; text: string};

export type AskOptions = {
  headers: Record<string, string>;
  /** How long the other side may be silent before TIMED_OUT. */
  timeoutMs: number;
  /** Sent as JSON, with POST. Asked twice it must come to the same. */
  body?: object;
};

/** A fusion whose programs are being replaced listens again in less. */
const refusedMs = 1_000;
const refusedPauseMs = 50;

/**
 * One GET or POST, its answer read whole. A connection that breaks (a gateway was killed) is tried once more: nothing of a
 * half answer has been used. One that is refused is tried again for a second. Redirections are answers, not followed: the
 * key is meant for this address.
 */
export async function ask(url: string, options: AskOptions): Promise<HttpAnswer> {
  const beganAt = performance.now();
  for (let mayBreak = true; ; ) {
    try {
      return await askOnce(url, options);
    } catch (error) {
      const code = systemErrorCode(error) ?? '';
      if (code === 'ECONNREFUSED' && performance.now() - beganAt < refusedMs) await sleep(refusedPauseMs);
      else if (brokenConnection.has(code) && mayBreak) mayBreak = false;
      else throw asFustorError(error, url);
    }
  }
}

const brokenConnection = new Set(['ECONNRESET', 'EPIPE']);

/** `node:http` and not `fetch`: that refuses some ports, and is slower to start. */
async function askOnce(url: string, {headers, timeoutMs, body}: AskOptions): Promise<HttpAnswer> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), timeoutMs);
  try {
    const request = url.startsWith('https:') ? httpsRequest : httpRequest;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {...formOf(headers, body), signal: silence.signal};
      request(url, options, resolve)
        .on('error', reject)
        .end(body && JSON.stringify(body));
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) {
      timer.refresh();
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString();
    return {status: response.statusCode!, location: response.headers.location, text};
  } catch (error) {
    // Ending the request looks like a broken connection from inside.
    throw silence.signal.aborted ? timedOut(url, timeoutMs) : error;
  } finally {
    clearTimeout(timer);
  }
}

function formOf(headers: Record<string, string>, body: object | undefined) {
  return body ? {method: 'POST', headers: {...headers, 'content-type': 'application/json'}} : {headers};
}

function timedOut(url: string, timeoutMs: number): FustorError {
  return new FustorError('TIMED_OUT', `${new URL(url).origin} did not answer within ${timeoutMs / 1000} s.`, {
    hint: 'Wait longer with --timeout.',
  });
}

export function asFustorError(error: unknown, url: string): FustorError {
  if (error instanceof FustorError) return error;
  const code = systemErrorCode(error) ?? '';
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return new FustorError('UNREACHABLE', `Cannot reach ${new URL(url).origin}: ${reason}.`, {
    cause: error,
    hint: 'Check that the fusion runs and that the endpoint is right (--endpoint, FUSTOR_ENDPOINT or a context).',
  });
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'no host has this name',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  ECONNRESET: 'the connection was closed before the answer was complete',
  EPIPE: 'the connection was closed before the answer was complete',
  EHOSTUNREACH: 'there is no way to this host',
  ENETUNREACH: 'there is no way to this network',
  ETIMEDOUT: 'the host does not answer',
};
