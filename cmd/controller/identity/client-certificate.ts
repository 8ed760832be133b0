import type {X509Certificate} from 'node:crypto';
import type {TLSSocket} from 'node:tls';
import type {Context} from 'hono';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Identities} from '../../../core/identity/identities.ts';
import type {Key} from '../../../core/identity/key.ts';
import type {ApiEnv} from '../../http/api.ts';

/** The one route on which a certificate may be too old: there it is exchanged for a new one. */
const renewal = '/api/v1/control/renew';

/**
 * Checks the certificate that a client came with, if it did. It is good for nothing without a key, and a key of a node is good
 * only with the node's own certificate or with none. The TLS handshake has proved that the client has its private key.
 */
export function checkClientCertificate(identities: Identities) {
  return (context: Context<ApiEnv>, key: Key): void => {
    const {socket} = context.env?.incoming ?? {};
    if (!isTls(socket)) return;
    const certificate = socket.getPeerX509Certificate();
    if (!certificate) {
      if (context.req.path !== renewal || !key.node || !identities.isCertified(key.node)) return;
      throw refused('is missing', 'Ask with the certificate that is to be replaced.');
    }
    const problem = problemOf(socket, certificate);
    const isTooOld = problem === 'CERT_HAS_EXPIRED';
    if (problem && !(isTooOld && context.req.path === renewal)) {
      if (isTooOld) throw refused('has expired', 'The node has it renewed by itself; see why it did not.');
      throw refused(`is not one of this controller (${problem})`);
    }
    const name = key.node ?? nodeOf(certificate);
    const publicKey = certificate.publicKey.export({type: 'spki', format: 'pem'}).toString();
    if (name && identities.isOf(name, publicKey)) return;
    throw refused(`is not one of ${key.node ? `the ${key.node.kind} ${key.node.id}` : 'a node that counts'}`);
  };
}

function isTls(socket: unknown): socket is TLSSocket {
  return typeof socket === 'object' && socket !== null && 'encrypted' in socket;
}

/** A connection may outlive the certificate that it began with. */
function problemOf({authorizationError}: TLSSocket, {validToDate}: X509Certificate): string | undefined {
  const told = authorizationError as unknown;
  if (told) return typeof told === 'string' ? told : String((told as {code?: unknown}).code ?? told);
  return validToDate.getTime() <= Date.now() ? 'CERT_HAS_EXPIRED' : undefined;
}

/** As `Authority` writes it. */
function nodeOf({subject}: X509Certificate) {
  const kind = /^OU=(agent|fusion)$/m.exec(subject)?.[1];
  const id = /^CN=(.+)$/m.exec(subject)?.[1];
  return kind === undefined || id === undefined ? undefined : {kind: kind as 'agent' | 'fusion', id};
}

function refused(found: string, hint?: string): FustorError {
  return new FustorError('UNAUTHENTICATED', `The client certificate ${found}.`, hint === undefined ? {} : {hint});
}
