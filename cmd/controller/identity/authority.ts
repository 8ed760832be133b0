import 'reflect-metadata';
import {createPublicKey, KeyObject, randomBytes, webcrypto} from 'node:crypto';
import {isIP} from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type {ControlStore} from '../../../core/control/control-store.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {Certifier, IssuedCertificate, NodeName} from '../../../core/identity/certifier.ts';
import type {Sealing} from '../../../core/identity/sealing.ts';
import type {Clock} from '../../../core/time/clock.ts';

/** PEM; times in milliseconds since 1970. */
export type KeyPair = {certificate: string; key: string; notBefore: number; notAfter: number};

type Parts = {store: ControlStore; sealing: Sealing; clock: Clock; lifetimeMs: number};

const curve = {name: 'ECDSA', namedCurve: 'P-256'} as const;
const signingAlgorithm = {name: 'ECDSA', hash: 'SHA-256'} as const;
const caLifetimeMs = 20 * 365 * 86_400_000;
/** Whose clock is a little behind accepts a certificate, too. */
const aheadMsMax = 300_000;

/** In the table `authority`. */
type StoredAuthority = {certificate: string; sealedKey: Uint8Array};
const recordKey = 'ca';

/** The controller as a certificate authority of its own; its key is made once and kept sealed. */
export class Authority implements Certifier {
  /** PEM. */
  readonly certificate: string;
  readonly #parts: Parts;
  readonly #key: CryptoKey;
  readonly #own: X509Certificate;

  /** Rejects with SECRETS_UNREADABLE or STORE_FULL. */
  static async open(parts: Parts): Promise<Authority> {
    const stored = parts.store.read(txn => txn.record<StoredAuthority>('authority', recordKey));
    if (stored) return new Authority(parts, {...stored, key: await importKey(parts.sealing.open(stored.sealedKey))});
    const {certificate, key, pkcs8} = await makeAuthority(parts.clock.now());
    const sealedKey = parts.sealing.seal(pkcs8);
    await parts.store.write(txn =>
      txn.putRecord('authority', recordKey, {certificate, sealedKey} satisfies StoredAuthority),
    );
    return new Authority(parts, {certificate, key});
  }

  private constructor(parts: Parts, {certificate, key}: {certificate: string; key: CryptoKey}) {
    this.#parts = parts;
    this.#key = key;
    this.certificate = certificate;
    this.#own = new X509Certificate(certificate);
  }

  async issue(node: NodeName, {csr, publicKey}: {csr: string; publicKey: string}): Promise<IssuedCertificate> {
    await checkRequest(csr, publicKey);
    const usage = new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]);
    return this.#sign(subjectOf(node), publicKey, [usage]);
  }

  /** For a server under these names and addresses, with a key of its own. */
  async issueServer(names: readonly string[]): Promise<KeyPair> {
    const pair = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
    const publicKey = KeyObject.from(pair.publicKey).export({type: 'spki', format: 'pem'}).toString();
    const key = KeyObject.from(pair.privateKey).export({type: 'pkcs8', format: 'pem'}).toString();
    const alternatives = names.map((value): JsonGeneralName => ({type: isIP(value) ? 'ip' : 'dns', value}));
    const issued = await this.#sign('CN=fustor-controller', publicKey, [
      new SubjectAlternativeNameExtension(alternatives),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    ]);
    return {...issued, key};
  }

  async #sign(subject: string, publicKey: string, extensions: Extension[]) {
    const {clock, lifetimeMs} = this.#parts;
    const nowMs = clock.now();
    const notBefore = nowMs - Math.min(aheadMsMax, lifetimeMs / 10);
    const notAfter = nowMs + lifetimeMs;
    const certificate = await X509CertificateGenerator.create({
      ...{serialNumber: randomSerial(), subject, issuer: this.#own.subject, signingAlgorithm, signingKey: this.#key},
      ...{notBefore: new Date(notBefore), notAfter: new Date(notAfter)},
      publicKey: new PublicKey(publicKey),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        ...extensions,
        await AuthorityKeyIdentifierExtension.create(this.#own.publicKey),
      ],
    });
    return {certificate: `${certificate.toString('pem')}\n`, notBefore, notAfter};
  }
}

async function makeAuthority(nowMs: number): Promise<{certificate: string; key: CryptoKey; pkcs8: Uint8Array}> {
  const keys = await webcrypto.subtle.generateKey(curve, true, ['sign', 'verify']);
  // Two controllers have two names: who trusts both knows from whom a certificate is.
  const name = `CN=fustor controller ${randomBytes(4).toString('hex')}`;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...{serialNumber: randomSerial(), name, keys, signingAlgorithm},
    ...{notBefore: new Date(nowMs - aheadMsMax), notAfter: new Date(nowMs + caLifetimeMs)},
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {certificate: `${certificate.toString('pem')}\n`, key: keys.privateKey, pkcs8};
}

function importKey(pkcs8: Uint8Array): Promise<CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', Buffer.from(pkcs8), curve, false, ['sign']);
}

/** Throws BAD_REQUEST unless it was made for this key by who has it. */
async function checkRequest(csr: string, publicKey: string): Promise<void> {
  let request: Pkcs10CertificateRequest;
  let isSigned: boolean;
  let own: string;
  try {
    request = new Pkcs10CertificateRequest(csr);
    isSigned = await request.verify();
    own = createPublicKey(request.publicKey.toString('pem')).export({type: 'spki', format: 'pem'}).toString();
  } catch (cause) {
    throw new FustorError('BAD_REQUEST', 'The csr is no certificate request (PKCS#10, PEM).', {cause});
  }
  if (!isSigned) throw new FustorError('BAD_REQUEST', 'The csr is not signed with its own key.');
  if (own !== publicKey) throw new FustorError('BAD_REQUEST', 'The csr is for another key than the one of this node.');
}

/** Positive, and no longer than 20 bytes. */
function randomSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

/** Its names need no quoting. */
function subjectOf({kind, id}: NodeName): string {
  return `CN=${id}, OU=${kind}`;
}
