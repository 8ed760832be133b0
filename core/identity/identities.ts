import {createHash, createPublicKey} from 'node:crypto';
import type {ControlRead, ControlStore, ControlWrite} from '../control/control-store.ts';
import type {NodeKind} from '../control/protocol.ts';
import {FustorError} from '../errors/fustor-error.ts';
import type {Log} from '../log/log.ts';
import {Signal} from '../pipe/signal.ts';
import type {Clock} from '../time/clock.ts';
import type {Certifier, IssuedCertificate, NodeName} from './certifier.ts';
import {type StoredEnrolToken, usableEnrolToken} from './enrol-tokens.ts';
import type {AcceptedKey, Key, KeyRegistry} from './key.ts';
import {KeyIndex} from './key-index.ts';
import type {EnrolRequest} from './protocol.ts';
import {newToken, tokenHash} from './tokens.ts';

/**
 * Who the nodes are. An identity belongs to a key that the node has made itself:
 *
 * 1. One that counts is never given to another key, unless the enrolment token says so. Asking again is answered again.
 * 2. One that was revoked is given away again only to who has an enrolment token that was made after that.
 * 3. It has one token, of which only the hash is kept: each answer to an enrolment has a new one, and the one before ends.
 */

/** In the table `identities`, by kind, slash, name. */
export type StoredIdentity = {
  kind: NodeKind;
  id: string;
  /** SPKI, PEM. */
  publicKey: string;
  tokenSha256: string;
  host: string;
  machineId: string | undefined;
  enrolledAt: number;
  /** Id of the enrolment token. */
  enrolledWith: string;
  certificateUntil: number | undefined;
  /** 0 means not. */
  revokedAt: number;
  revokedBy: string | undefined;
};

export type IdentityAnswer = ReturnType<typeof answer>;

export type Enrolled = {token: string; certificate: string | undefined; enrolledWith: string; isNew: boolean};

type Parts = {store: ControlStore; clock: Clock; log: Log; certifier: Certifier | undefined};

export class Identities implements KeyRegistry {
  /** A node has another token, or none any more. */
  readonly changed = new Signal();
  readonly #parts: Parts;
  readonly #index = new KeyIndex();

  constructor(parts: Parts) {
    this.#parts = parts;
    for (const {value} of parts.store.read(txn => txn.records<StoredIdentity>('identities')))
      if (value.revokedAt === 0) this.#index.put(keyOf(value));
  }

  find(sha256: string): AcceptedKey | undefined {
    return this.#index.find(sha256);
  }

  /** SHA-256 of the tokens with which this agent may speak now. */
  tokensOf(agent: string): string[] {
    const identity = this.#stored({kind: 'agent', id: agent});
    return identity?.revokedAt === 0 ? [identity.tokenSha256] : [];
  }

  /** Whether it has been cut off; one that never enrolled has not. */
  isRevoked(name: NodeName): boolean {
    return (this.#stored(name)?.revokedAt ?? 0) !== 0;
  }

  /** Throws UNAUTHENTICATED, FORBIDDEN, BAD_REQUEST or IDENTITY_CONFLICT. */
  async enrol(request: EnrolRequest, enrolToken: string): Promise<Enrolled> {
    const {store, clock, log, certifier} = this.#parts;
    const {kind, id, host, csr} = request;
    const sha256 = tokenHash(enrolToken);
    const nowMs = clock.now();
    const asked = {kind, id, sha256, nowMs};
    // Before anything that costs more: strangers are many.
    store.read(txn => usableEnrolToken(txn, asked));
    const publicKey = normalKey(request.public_key);
    store.read(txn => mayEnrol(txn, {...asked, publicKey}));
    const issued = csr === undefined ? undefined : await certifier?.issue({kind, id}, {csr, publicKey});

    const token = newToken('node');
    const {before, identity, isNew} = await store.write(txn => {
      const {before, enrolToken, isKnown} = mayEnrol(txn, {...asked, publicKey});
      const machineId = request.machine_id;
      const identity: StoredIdentity = {
        ...{kind, id, publicKey, tokenSha256: tokenHash(token), host, machineId},
        enrolledAt: isKnown ? before!.enrolledAt : nowMs,
        enrolledWith: enrolToken.id,
        certificateUntil: issued?.notAfter ?? (isKnown ? before!.certificateUntil : undefined),
        ...{revokedAt: 0, revokedBy: undefined},
      };
      txn.putRecord('identities', nameOf(identity), identity);
      if (!isKnown) txn.putRecord('enrolTokens', sha256, {...enrolToken, usesLeft: enrolToken.usesLeft - 1});
      return {before, identity, isNew: !isKnown};
    });
    if (before) this.#index.remove(before.tokenSha256);
    this.#index.put(keyOf(identity));
    this.changed.raise();
    log.info({kind, id, host, enrolToken: identity.enrolledWith, isNew}, 'a node is enrolled');
    return {token, certificate: issued?.certificate, enrolledWith: identity.enrolledWith, isNew};
  }

  /** Another certificate for the node's own key. Throws NOT_FOUND (nothing to certify with, or no identity) or BAD_REQUEST. */
  async renew({kind, id}: NodeName, csr: string): Promise<IssuedCertificate> {
    const {store, certifier} = this.#parts;
    if (!certifier) throw new FustorError('NOT_FOUND', 'This controller has no TLS, so it makes no certificates.');
    const {publicKey} = store.read(txn => getIdentity(txn, {kind, id}));
    const issued = await certifier.issue({kind, id}, {csr, publicKey});
    await store.write(txn => {
      const identity = getIdentity(txn, {kind, id});
      txn.putRecord('identities', nameOf(identity), {...identity, certificateUntil: issued.notAfter});
    });
    return issued;
  }

  /** Its token and certificates count no more, at once. Throws NOT_FOUND. */
  async revoke({kind, id}: NodeName, by: string): Promise<void> {
    const {store, clock, log} = this.#parts;
    const {tokenSha256} = await store.write(txn => {
      const identity = getIdentity(txn, {kind, id});
      txn.putRecord('identities', nameOf(identity), {...identity, revokedAt: clock.now(), revokedBy: by});
      return identity;
    });
    this.#index.remove(tokenSha256);
    this.changed.raise();
    log.warn({kind, id, by}, 'an identity is revoked');
  }

  /** Whether the holder of this key (SPKI, PEM) is the node, now. */
  isOf({kind, id}: NodeName, publicKey: string): boolean {
    const identity = this.#stored({kind, id});
    return identity?.revokedAt === 0 && identity.publicKey === publicKey;
  }

  /** Whether it has ever had a certificate: then it proves with one who it is. */
  isCertified(name: NodeName): boolean {
    return this.#stored(name)?.certificateUntil !== undefined;
  }

  /** In the order of their kinds and names, the revoked ones too. */
  list(): IdentityAnswer[] {
    return this.#parts.store.read(txn => txn.records<StoredIdentity>('identities')).map(({value}) => answer(value));
  }

  #stored(name: NodeName): StoredIdentity | undefined {
    return this.#parts.store.read(txn => txn.record<StoredIdentity>('identities', nameOf(name)));
  }
}

type Asked = NodeName & {sha256: string; publicKey: string; nowMs: number};

/** `isKnown`: it has enrolled before, with the same key; this costs no use of the token. */
function mayEnrol(
  txn: ControlRead,
  {kind, id, sha256, publicKey, nowMs}: Asked,
): {enrolToken: StoredEnrolToken; before: StoredIdentity | undefined; isKnown: boolean} {
  const enrolToken = usableEnrolToken(txn, {sha256, kind, id, nowMs});
  const before = txn.record<StoredIdentity>('identities', nameOf({kind, id}));
  const isKnown = before?.revokedAt === 0 && before.publicKey === publicKey;
  if (before && !isKnown) checkSuccession(before, enrolToken);
  const isAgain = isKnown && before.enrolledWith === enrolToken.id;
  if (enrolToken.usesLeft === 0 && !isAgain) {
    throw new FustorError('FORBIDDEN', `The enrolment token ${enrolToken.id} is used up (${enrolToken.uses} uses).`, {
      hint: 'Make a new one ("fustorctl enroll-token create") and give it to this node.',
    });
  }
  return {enrolToken, before, isKnown};
}

function checkSuccession(before: StoredIdentity, {id: token, createdAt, replaces}: StoredEnrolToken): void {
  const {kind, id, host, enrolledAt, revokedAt} = before;
  if (revokedAt !== 0) {
    if (createdAt > revokedAt) return;
    const at = new Date(revokedAt).toISOString();
    throw new FustorError(
      'FORBIDDEN',
      `The ${kind} ${id} was revoked at ${at}, after the enrolment token ${token} was made.`,
      {
        hint: 'To have it back, make a new enrolment token.',
      },
    );
  }
  if (replaces) return;
  const since = new Date(enrolledAt).toISOString();
  throw new FustorError(
    'IDENTITY_CONFLICT',
    `The ${kind} ${id} is the host ${host} since ${since}, with another key.`,
    {
      hint: `Give this node another id; or, if it takes the place of ${host}, revoke that identity or make an enrolment token for this id that replaces it.`,
      details: {host, since},
    },
  );
}

/** Throws NOT_FOUND, also for one that was revoked. */
function getIdentity(txn: ControlRead | ControlWrite, name: NodeName): StoredIdentity {
  const identity = txn.record<StoredIdentity>('identities', nameOf(name));
  if (identity?.revokedAt === 0) return identity;
  const found = identity ? 'was revoked already' : 'has never enrolled here';
  throw new FustorError('NOT_FOUND', `The ${name.kind} ${name.id} ${found}.`);
}

/** Also the name of its key. */
function nameOf({kind, id}: NodeName): string {
  return `${kind}/${id}`;
}

function keyOf({kind, id, tokenSha256}: StoredIdentity): Key {
  return {name: nameOf({kind, id}), role: kind, sha256: tokenSha256, views: [], node: {kind, id}};
}

/** The same key is the same text. Throws BAD_REQUEST. */
function normalKey(pem: string): string {
  try {
    if (pem.includes('PRIVATE')) throw new Error('a private key');
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ec' || key.asymmetricKeyType === 'ed25519')
      return key.export({type: 'spki', format: 'pem'}).toString();
  } catch {}
  throw new FustorError('BAD_REQUEST', 'The public_key is no public key of an elliptic curve in PEM.', {
    hint: 'Only public keys travel: "openssl pkey -in node.key -pubout" writes it.',
  });
}

function answer(identity: StoredIdentity) {
  const {kind, id, publicKey, host, machineId, enrolledAt, enrolledWith, certificateUntil, revokedAt, revokedBy} =
    identity;
  return {
    kind,
    id,
    state: revokedAt === 0 ? ('active' as const) : ('revoked' as const),
    host,
    machine_id: machineId ?? null,
    enrolled_at: new Date(enrolledAt).toISOString(),
    enrolled_with: enrolledWith,
    key_sha256: createHash('sha256')
      .update(createPublicKey(publicKey).export({type: 'spki', format: 'der'}))
      .digest('hex'),
    certificate_expires_at: certificateUntil === undefined ? null : new Date(certificateUntil).toISOString(),
    revoked_at: revokedAt === 0 ? null : new Date(revokedAt).toISOString(),
    revoked_by: revokedBy ?? null,
  };
}
