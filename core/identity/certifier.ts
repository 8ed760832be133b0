import type {NodeKind} from '../control/protocol.ts';

export type NodeName = {kind: NodeKind; id: string};

/** PEM; the time in milliseconds since 1970. */
export type IssuedCertificate = {certificate: string; notAfter: number};

/** Makes certificates with which nodes prove who they are. */
export interface Certifier {
  /** `csr` is PKCS#10 in PEM for `publicKey` (SPKI, PEM), signed with its private half. Throws BAD_REQUEST. */
  issue(node: NodeName, request: {csr: string; publicKey: string}): Promise<IssuedCertificate>;
}
