import type {X509Certificate} from 'node:crypto';
import {lookup} from 'node:dns/promises';
import {get as httpGet, type IncomingMessage} from 'node:http';
import {get as httpsGet} from 'node:https';
import type {TLSSocket} from 'node:tls';
import {systemErrorCode} from '../../../core/errors/fustor-error.ts';

/** What became of asking a server, without any key. */
export type Probe = {
  url: string;
  host: string;
  /** What this host needs it for. */
  purpose: string;
  /** Why its name cannot be looked up. */
  lookupError?: string;
  /** Why it was not reached, its name being known. */
  error?: string;
  /** Its clock less ours, known to half of what the answer took, and a second. */
  clockOffsetMs?: number;
  clockDoubtMs?: number;
  certificate?: X509Certificate;
  version?: string;
};

const limitMs = 3_000;

export async function probeServer({url, purpose}: {url: string; purpose: string}, nowMs: () => number): Promise<Probe> {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  const about = {url, host, purpose};
  try {
    await lookup(host);
  } catch (error) {
    return {...about, lookupError: systemErrorCode(error) ?? String(error)};
  }
  try {
    const beganAt = nowMs();
    const {response, certificate} = await ask(`${url}/livez`);
    const tookMs = nowMs() - beganAt;
    const date = Date.parse(response.headers.date ?? '');
    // It tells whole seconds, rounded down.
    const clock = Number.isNaN(date)
      ? {}
      : {clockOffsetMs: date + 500 - (beganAt + tookMs / 2), clockDoubtMs: 500 + tookMs / 2};
    return {...about, ...clock, ...(certificate && {certificate}), ...(await versionOf(url))};
  } catch (error) {
    return {...about, error: systemErrorCode(error) ?? (error as Error).message};
  }
}

async function versionOf(url: string): Promise<{version?: string}> {
  try {
    const {text} = await ask(`${url}/openapi.json`);
    const {info} = JSON.parse(text) as {info?: {title?: unknown; version?: unknown}};
    return info?.title === 'Fustor' && typeof info.version === 'string' ? {version: info.version} : {};
  } catch {
    return {};
  }
}

type Answered = {response: IncomingMessage; text: string; certificate: X509Certificate | undefined};

/** Whatever its certificate is: that is what is to be found out, and nothing secret is sent. */
function ask(url: string): Promise<Answered> {
  const get = url.startsWith('https:') ? httpsGet : httpGet;
  const signal = AbortSignal.timeout(limitMs);
  return new Promise<Answered>((resolve, reject) => {
    get(url, {signal, rejectUnauthorized: false, agent: false}, response => {
      const certificate = (response.socket as TLSSocket).getPeerX509Certificate?.();
      let text = '';
      response.setEncoding('utf8').on('data', chunk => {
        text += chunk;
      });
      response.on('end', () => resolve({response, text, certificate})).on('error', reject);
    }).on('error', error => reject(signal.aborted ? new Error('it does not answer') : error));
  });
}
