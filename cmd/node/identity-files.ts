import {createPrivateKey, createPublicKey, generateKeyPairSync} from 'node:crypto';
import {join} from 'node:path';
import {z} from 'zod';
import {FustorError} from '../../core/errors/fustor-error.ts';
import {nodeKind, nodeName} from '../../core/identity/protocol.ts';
import {type TrustedKey, trustedKey} from '../../core/manifest/signature.ts';
import {readIfThere, writeDurably} from './durable-file.ts';

/** Who this node is, as its controller has said. */
const keptIdentity = z.strictObject({
  identity: z.literal(1),
  kind: nodeKind,
  id: nodeName,
  token: z.string(),
  /** SHA-256 of the enrolment token: with another one in its place the node enrols again. */
  enrolled_with: z.string(),
  certificate: z.string().optional(),
  /** By the clock of this host, in milliseconds since 1970. */
  certificate_received_at: z.number().optional(),
});
export type KeptIdentity = z.output<typeof keptIdentity>;

/** Whom this node trusts, since it met its controller for the first time. */
const keptTrust = z.strictObject({
  trust: z.literal(1),
  /** Of the server: a certificate authority (PEM), or `system` for those that this program brings. */
  server: z.string().optional(),
  /** The controller's own certificate authority, PEM. */
  ca: z.string().optional(),
  /** SPKI, PEM: who may sign manifests. */
  signing_keys: z.array(z.string()),
});
export type KeptTrust = z.output<typeof keptTrust>;

export const nothingTrusted: KeptTrust = {trust: 1, signing_keys: []};

/** The node's key, PEM. The private half leaves this host never. */
export type NodeKey = {privateKey: string; publicKey: string};

/**
 * The files of an identity, for this user only. What is damaged is never written over: reading it throws IDENTITY_UNREADABLE
 * until somebody has looked.
 */
export class IdentityFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  identity(): KeptIdentity | undefined {
    return this.#read('identity.json', text => keptIdentity.parse(JSON.parse(text)));
  }

  trust(): {kept: KeptTrust; keys: readonly TrustedKey[]} {
    return this.#read('trust.json', readTrust) ?? {kept: nothingTrusted, keys: []};
  }

  /** Made when there is none. */
  key({isNeeded}: {isNeeded: boolean}): NodeKey {
    const found = this.#read('node.key', privateKey => ({privateKey, publicKey: publicHalf(privateKey)}));
    if (found) return found;
    if (isNeeded) throw unreadable(join(this.#directory, 'node.key'), 'it is missing');
    const {privateKey} = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: {type: 'pkcs8', format: 'pem'},
      publicKeyEncoding: {type: 'spki', format: 'pem'},
    });
    writeDurably(join(this.#directory, 'node.key'), privateKey);
    return {privateKey, publicKey: publicHalf(privateKey)};
  }

  writeIdentity(kept: KeptIdentity): void {
    writeDurably(join(this.#directory, 'identity.json'), `${JSON.stringify(kept, null, 2)}\n`);
  }

  /** Throws IDENTITY_UNREADABLE, and writes nothing, for keys that are none. */
  writeTrust(kept: KeptTrust): readonly TrustedKey[] {
    const {keys} = readTrust(JSON.stringify(kept));
    writeDurably(join(this.#directory, 'trust.json'), `${JSON.stringify(kept, null, 2)}\n`);
    return keys;
  }

  #read<T>(name: string, parse: (text: string) => T): T | undefined {
    const file = join(this.#directory, name);
    try {
      const text = readIfThere(file)?.toString();
      return text === undefined ? undefined : parse(text);
    } catch (cause) {
      const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
      throw unreadable(file, reason, cause);
    }
  }
}

function readTrust(text: string): {kept: KeptTrust; keys: readonly TrustedKey[]} {
  const kept = keptTrust.parse(JSON.parse(text));
  return {kept, keys: kept.signing_keys.map(pem => trustedKey(signingKeyOf(pem)))};
}

function signingKeyOf(pem: string) {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`a key of the kind ${key.asymmetricKeyType} signs no manifests`);
  return key;
}

function publicHalf(privateKey: string): string {
  return createPublicKey(createPrivateKey(privateKey)).export({type: 'spki', format: 'pem'}).toString();
}

function unreadable(file: string, reason: string, cause?: unknown): FustorError {
  return new FustorError('IDENTITY_UNREADABLE', `The identity of this node cannot be read: ${file}: ${reason}.`, {
    cause,
    hint: 'Put the file back. Or remove it, revoke the identity on the controller, and enrol this node with a new token.',
  });
}
