import {request as httpRequest, type IncomingMessage} from 'node:http';
import {request as httpsRequest} from 'node:https';
import {setTimeout as sleep} from 'node:timers/promises';
import {rootCertificates} from 'node:tls';
import {FustorError, systemErrorCode} from '../../core/errors/fustor-error.ts';

export type HttpAnswer = {status: number; location: string | undefined; bytes: Buffer};

export type AskOptions = {
  headers: Record<string, string>;
  /** How long the other side may be silent before TIMED_OUT. */
  timeoutMs: number;
  /** POST where there is a body, else GET. */
  method?: 'GET' | 'POST' | 'DELETE';
  /** Sent as JSON. */
  body?: object;
  /** Asked twice it comes to the same: so it may be, when the connection breaks. True unless said otherwise. */
  isRepeatable?: boolean;
  /** Certificates (PEM) of authorities to trust besides the usual. */
  ca?: string;
};

/** A fusion whose programs are being replaced listens again in less. */
const refusedMs = 1_000;
const refusedPauseMs = 50;

/**
 * One request, its answer read whole. A connection that breaks (a gateway was killed) is tried once more: nothing of a
 * half answer has been used. One that is refused is tried again for a second. Redirections are answers, not followed: the
 * key is meant for this address.
 */
export async function ask(url: string, options: AskOptions): Promise<HttpAnswer> {
  const beganAt = performance.now();
  for (let mayBreak = options.isRepeatable ?? true; ; ) {
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
async function askOnce(url: string, {timeoutMs, body, ...rest}: AskOptions): Promise<HttpAnswer> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), timeoutMs);
  try {
    const request = url.startsWith('https:') ? httpsRequest : httpRequest;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = {...formOf({...rest, body}), signal: silence.signal};
      request(url, options, resolve)
        .on('error', reject)
        .end(body && JSON.stringify(body));
    });
    const chunks: Buffer[] = [];
    for await (const chunk of response) {
      timer.refresh();
      chunks.push(chunk);
    }
    return {status: response.statusCode!, location: response.headers.location, bytes: Buffer.concat(chunks)};
  } catch (error) {
    // Ending the request looks like a broken connection from inside.
    throw silence.signal.aborted ? timedOut(url, timeoutMs) : error;
  } finally {
    clearTimeout(timer);
  }
}

export function formOf({
  headers,
  body,
  method,
  ca,
}: Pick<AskOptions, 'headers' | 'method' | 'ca'> & {body?: object | undefined}) {
  return {
    method: method ?? (body ? 'POST' : 'GET'),
    headers: body ? {...headers, 'content-type': 'application/json'} : headers,
    ...(ca !== undefined && {ca: [...rootCertificates, ca]}),
  };
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
    hint: certificateTrouble.test(code)
      ? 'Give the certificate of the authority that signed it with --ca, FUSTOR_CA or "ca" of a context.'
      : 'Check that the server runs and that the endpoint is right (--endpoint, --controller, their variables or a context).',
  });
}

const certificateTrouble = /CERT|SELF_SIGNED|ISSUER/;

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
