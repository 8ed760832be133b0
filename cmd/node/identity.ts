import type {NodeKind} from '../../core/control/protocol.ts';
import type {TrustedKey} from '../../core/manifest/signature.ts';
import type {Signal} from '../../core/pipe/signal.ts';
import {FileIdentity, type IdentityParts} from './file-identity.ts';

/** What somebody has told a node of its controller. */
export type NodeBootstrap = {
  kind: NodeKind;
  id: string;
  /** Of the controller. */
  url: string;
  /** A token of its own, or one to enrol with. */
  authToken: string;
  /** Of the DER form of the controller's CA certificate, in hexadecimal. Without it a CA is trusted when it is first met. */
  caSha256?: string | undefined;
};

/** For `https.Agent` and `tls.connect`; without TLS nothing is set. */
export type TlsMaterial = {ca?: string[] | undefined; cert?: string | undefined; key?: string | undefined};

/** Who a node is for its controller, and whom it trusts. */
export interface NodeIdentity {
  /** What it sends as its key. Undefined: it has not been enrolled yet. */
  token(): string | undefined;
  tls(): TlsMaterial;
  /** The certificate authorities of this site, PEM, without those that everybody trusts. */
  authorities(): string[];
  /** Who may sign its manifests. Empty: it has never met its controller. */
  trusted(): readonly TrustedKey[];
  /** Raised when one of these is another one: connections are to be made anew. */
  readonly changed: Signal;
  /** Why it is not all that it should be, for its status; undefined when it is. */
  problem(): string | undefined;
  /**
   * Enrols, learns whom to trust, and has certificates renewed in time. Resolves when `signal` aborts; never rejects: what
   * fails is tried again, and what it has stays.
   */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * The identity that a node keeps in `directory`, or will: files that only this user may read. What is damaged there is told by
 * `problem`, and nothing is written over.
 */
export function openIdentity(
  settings: {directory: string; bootstrap: NodeBootstrap},
  parts: IdentityParts,
): NodeIdentity {
  return new FileIdentity(settings, parts);
}
