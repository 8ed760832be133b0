import {createHash, createPublicKey, type KeyObject, sign, verify} from 'node:crypto';
import {FustorError} from '../errors/fustor-error.ts';

/**
 * The signature of a manifest: `SHA-256 of its bytes . id of the key . Ed25519 over that hash`, in hexadecimal, hexadecimal
 * and base64url. It is also how the manifest is called: Ed25519 is deterministic, so the same bytes have the same one.
 */
export type SigningKey = {id: string; privateKey: KeyObject};
/** `der` is the SPKI form of an Ed25519 public key. */
export type TrustedKey = {id: string; publicKey: KeyObject};

const form = /^([0-9a-f]{64})\.([0-9a-f]{16})\.([A-Za-z0-9_-]{86})$/;
/** What is signed begins so: a signature over a manifest is good for nothing else. */
const domain = Buffer.from('fustor manifest 1\0');

/** The first 16 hexadecimal digits of the SHA-256 of the public key's SPKI form. */
export function keyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({type: 'spki', format: 'der'}))
    .digest('hex')
    .slice(0, 16);
}

export function signingKey(privateKey: KeyObject): SigningKey {
  return {id: keyId(createPublicKey(privateKey)), privateKey};
}

export function trustedKey(publicKey: KeyObject): TrustedKey {
  return {id: keyId(publicKey), publicKey};
}

export function signManifest(bytes: Uint8Array, {id, privateKey}: SigningKey): string {
  const digest = sha256(bytes);
  const signature = sign(null, Buffer.concat([domain, digest]), privateKey);
  return `${digest.toString('hex')}.${id}.${signature.toString('base64url')}`;
}

/** Throws MANIFEST_REFUSED unless these are the bytes that a holder of a trusted key has signed so. */
export function verifyManifest(bytes: Uint8Array, signature: string, trusted: readonly TrustedKey[]): void {
  const parts = form.exec(signature);
  if (!parts) throw refused('its signature has another form than "hash.key.signature"');
  const [, hash, id, code] = parts;
  const digest = sha256(bytes);
  if (digest.toString('hex') !== hash) {
    throw refused(`its bytes have the SHA-256 ${digest.toString('hex')}, and its signature is for ${hash}`);
  }
  const key = trusted.find(one => one.id === id);
  const known = trusted.map(one => one.id).join(', ') || 'none';
  if (!key) throw refused(`it is signed with the key ${id}, and this node trusts ${known}`);
  const raw = Buffer.from(code!, 'base64url');
  // base64url has spare bits: two texts may mean the same bytes, and only one of them is the signature.
  if (raw.toString('base64url') !== code || !verify(null, Buffer.concat([domain, digest]), key.publicKey, raw)) {
    throw refused(`its signature is not one of the key ${id}`);
  }
}

/** The hash in a signature; undefined when it has another form. */
export function hashOfSignature(signature: string): string | undefined {
  return form.exec(signature)?.[1];
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function refused(reason: string): FustorError {
  return new FustorError('MANIFEST_REFUSED', `The manifest is refused: ${reason}.`, {
    hint: 'What runs goes on. If the controller was set up anew, enrol this node again, or remove its file of trusted keys.',
  });
}
