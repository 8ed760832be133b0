import {X509Certificate} from 'node:crypto';
import {connect, type TLSSocket} from 'node:tls';
import {FustorError} from '../../core/errors/fustor-error.ts';

export type Contact = {url: string; caSha256: string | undefined; timeoutMs: number; signal: AbortSignal};

/**
 * Which certificate authority the server of an address is to be trusted by: `system` when those that this program brings vouch
 * for it, else the one that it shows itself (PEM), if there is no other hash wanted. Nothing is asked over this connection.
 * Rejects with UNREACHABLE.
 */
export async function meetServer({url, caSha256, timeoutMs, signal}: Contact): Promise<string> {
  const socket = await connected(url, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
  try {
    const shown = chainOf(socket);
    if (caSha256 === undefined) {
      if (socket.authorized) return 'system';
      const top = shown.at(-1);
      if (top?.ca && top.checkIssued(top) && top.verify(top.publicKey)) return top.toString();
      throw refused(
        url,
        `its certificate is not trusted here (${socket.authorizationError}), and it shows no authority`,
      );
    }
    const found = shown.find(one => one.ca && isCertificate(one, caSha256));
    if (found) return found.toString();
    const hashes = shown.map(sha256).join(', ') || 'nothing';
    throw refused(url, `ca_sha256 is ${caSha256}, and it shows ${hashes}`);
  } finally {
    socket.destroy();
  }
}

/** `hash`: SHA-256 of its DER form, in hexadecimal, with colons or without. */
export function isCertificate(certificate: X509Certificate | string, hash: string): boolean {
  return sha256(new X509Certificate(certificate.toString())) === hash.replaceAll(':', '').toLowerCase();
}

/** Of the DER form, in hexadecimal. */
export function sha256({fingerprint256}: X509Certificate): string {
  return fingerprint256.replaceAll(':', '').toLowerCase();
}

/** The server's own first. */
function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let one = socket.getPeerX509Certificate(); one && chain.length < 10; one = one.issuerCertificate) {
    if (chain.at(-1)?.fingerprint256 === one.fingerprint256) break;
    chain.push(one);
  }
  return chain;
}

function connected(url: string, signal: AbortSignal): Promise<TLSSocket> {
  const {hostname, port} = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = connect({host, port: Number(port || 443), rejectUnauthorized: false, servername: nameOf(host)});
    const end = (reason: string) => {
      socket.destroy();
      reject(new FustorError('UNREACHABLE', `Cannot reach ${url}: ${reason}.`));
    };
    const isAborted = () => end('no TLS connection in time');
    signal.addEventListener('abort', isAborted, {once: true});
    socket.once('error', error => end(error.message));
    socket.once('secureConnect', () => {
      signal.removeEventListener('abort', isAborted);
      resolve(socket);
    });
  });
}

/** An address is no name that a client may ask for. */
function nameOf(host: string): string {
  return /^[\d.]+$|:/.test(host) ? '' : host;
}

function refused(url: string, reason: string): FustorError {
  return new FustorError('UNREACHABLE', `The controller at ${url} is not trusted: ${reason}.`, {
    hint: 'Set "ca_sha256" to the SHA-256 of the controller\'s certificate authority, or correct it.',
  });
}
