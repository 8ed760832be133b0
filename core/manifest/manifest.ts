import {z} from 'zod';
import {nodeKinds} from '../control/protocol.ts';
import {FustorError} from '../errors/fustor-error.ts';
import {canonicalBytes} from './canonical.ts';
import {type SigningKey, signManifest, type TrustedKey, verifyManifest} from './signature.ts';

/**
 * What one node should do, computed by the controller from the desired state: only what that node needs, only the secrets of
 * its own pipes.
 */
export const manifestSchema = z.strictObject({
  /** Of this format. */
  manifest: z.literal(1),
  kind: z.enum(nodeKinds),
  /** Of the node. */
  id: z.string(),
  /**
   * Settings as they are written in the node's own file (snake_case, values with their units, names as groups), not
   * validated: the node does that itself, pipe by pipe. An agent's has `agent` (without `id`, `data` and what says where
   * the controller is), `sources`, `senders`, `pipes`; a fusion's `fusion` (likewise), `views`, `keys` (with `sha256` in place
   * of `key`). `${env:…}` and `${file:…}` are for the node to put in, `${secret:…}` has been put in.
   */
  config: z.record(z.string(), z.unknown()),
});
export type Manifest = z.output<typeof manifestSchema>;

/** As it travels and is cached: the bytes are canonical JSON (which is YAML, too), and are never made anew from the value. */
export type SignedManifest = {bytes: Uint8Array; signature: string};

/** No agent's configuration is this large; what is larger is refused before it is parsed. */
export const manifestBytesMax = 16 * 2 ** 20;

export function encodeManifest(manifest: Manifest, key: SigningKey): SignedManifest {
  const bytes = canonicalBytes(manifest);
  return {bytes, signature: signManifest(bytes, key)};
}

/** Throws MANIFEST_REFUSED: wrong signature, wrong form, or for another node. */
export function decodeManifest(
  {bytes, signature}: SignedManifest,
  {trusted, kind, id}: {trusted: readonly TrustedKey[]} & Pick<Manifest, 'kind' | 'id'>,
): Manifest {
  verifyManifest(bytes, signature, trusted);
  const result = manifestSchema.safeParse(parse(bytes));
  if (!result.success) {
    const [issue] = result.error.issues;
    throw refused(`${issue.path.join('.') || 'it'}: ${issue.message}`);
  }
  const manifest = result.data;
  if (manifest.kind !== kind || manifest.id !== id) {
    throw refused(`it is for the ${manifest.kind} ${manifest.id}, and this is the ${kind} ${id}`);
  }
  return manifest;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(bytes));
  } catch {
    throw refused('it is no JSON in UTF-8');
  }
}

function refused(reason: string): FustorError {
  return new FustorError('MANIFEST_REFUSED', `The manifest is refused: ${reason}.`, {
    hint: 'What runs goes on. A controller of a newer version may say what this node does not understand.',
  });
}
