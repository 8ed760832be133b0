import {z} from 'zod';
import {isName, nameWanted} from '../config/values.ts';
import {nodeKinds} from '../control/protocol.ts';

/** What a node and its controller say to each other about who they are, in JSON. All certificates and keys are PEM. */

const pem = z.string().max(16 * 1024);
export const nodeName = z.string().refine(isName, {error: nameWanted});
export const nodeKind = z.enum(nodeKinds);

/** `POST /api/v1/control/enroll`, with the enrolment token as "Authorization: Bearer" where it is not in the body. */
export const enrolRequest = z.strictObject({
  kind: nodeKind,
  id: nodeName,
  token: z.string().max(512).optional(),
  /** The node's own key, SPKI: by it the node is known again. */
  public_key: pem,
  /** PKCS#10, for that key and signed with it: for a certificate, where the controller has TLS. */
  csr: pem.optional(),
  host: z.string().max(256),
  /** As in its heartbeats. */
  machine_id: z.string().max(64).optional(),
});
export type EnrolRequest = z.output<typeof enrolRequest>;

/** Whom a node trusts. `GET /api/v1/control/trust`. */
export const trustAnswer = z.object({
  /** SPKI of Ed25519: who may sign manifests; the first is in use. */
  signing_keys: z.array(pem).max(16),
  /** Of the controller, where it has TLS. */
  ca: pem.optional(),
});
export type TrustAnswer = z.output<typeof trustAnswer>;

export const enrolAnswer = trustAnswer.extend({
  token: z.string().min(8).max(512),
  certificate: pem.optional(),
});
export type EnrolAnswer = z.output<typeof enrolAnswer>;

/** `POST /api/v1/control/renew`, with the node's token, and where it has a certificate, over a connection with that. */
export const renewRequest = z.strictObject({csr: pem});
export type RenewRequest = z.output<typeof renewRequest>;

export const renewAnswer = trustAnswer.extend({certificate: pem});
export type RenewAnswer = z.output<typeof renewAnswer>;
