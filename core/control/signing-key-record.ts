import {createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject} from 'node:crypto';
import type {Sealing} from '../identity/sealing.ts';
import {type SigningKey, signingKey} from '../manifest/signature.ts';
import type {ControlStore} from './control-store.ts';

/** In the table `authority`, sealed: the Ed25519 key in its PKCS #8 form. */
const key = 'signing-key';
type StoredKey = {sealed: Uint8Array};

/** What this controller signs manifests with: made once, before anything is signed, and never told to anybody. */
export async function openSigningKey(
  store: ControlStore,
  sealing: Sealing,
): Promise<SigningKey & {publicKey: KeyObject}> {
  const stored = store.read(txn => txn.record<StoredKey>('authority', key));
  const privateKey = stored
    ? createPrivateKey({key: Buffer.from(sealing.open(stored.sealed)), format: 'der', type: 'pkcs8'})
    : generateKeyPairSync('ed25519').privateKey;
  if (!stored) {
    const sealed = sealing.seal(privateKey.export({format: 'der', type: 'pkcs8'}));
    await store.write(txn => txn.putRecord('authority', key, {sealed} satisfies StoredKey));
  }
  return {...signingKey(privateKey), publicKey: createPublicKey(privateKey)};
}
