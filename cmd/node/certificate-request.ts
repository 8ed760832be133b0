import 'reflect-metadata';
import {createPrivateKey, createPublicKey} from 'node:crypto';
import {Pkcs10CertificateRequestGenerator} from '@peculiar/x509';

const curve = {name: 'ECDSA', namedCurve: 'P-256'} as const;

/** PKCS#10 for a key on P-256, all in PEM. The names in a certificate are for its authority to say. */
export async function certificateRequest(privateKey: string): Promise<string> {
  const own = createPrivateKey(privateKey);
  const keys = {
    privateKey: own.toCryptoKey(curve, false, ['sign']),
    publicKey: createPublicKey(own).toCryptoKey(curve, true, ['verify']),
  };
  const signingAlgorithm = {name: 'ECDSA', hash: 'SHA-256'};
  const request = await Pkcs10CertificateRequestGenerator.create({name: 'CN=node', keys, signingAlgorithm});
  return request.toString('pem');
}
