import {z} from 'zod';
import {group} from './groups.ts';
import {type AgentConfig, configSchema, type FusionConfig, serverFiles} from './schema.ts';
import type {SecretSources} from './secrets.ts';
import {validateYaml} from './validate.ts';
import {apiKey, choice, httpUrl, listenAddress, name, text} from './values.ts';

/**
 * The few lines that a node starts with when all else comes from its controller: who it is, where the controller is, and a
 * token, its own or one to enrol with.
 */

const common = {
  control_plane_uri: httpUrl,
  auth_token: apiKey,
  /** Of the DER form of the controller's CA certificate, in hexadecimal. */
  ca_sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'the SHA-256 of a certificate, 64 digits of 0-9 and a-f')
    .optional(),
  log_level: choice('trace', 'debug', 'info', 'warn', 'error', 'fatal').optional(),
};

export const agentBootstrap = group({agent_id: name, ...common, data: text.default('./data/agent')});
export const fusionBootstrap = group({
  fusion_id: name,
  ...common,
  data: text.default('./data/fusion'),
  listen: listenAddress.optional(),
  tls: serverFiles.optional(),
});

type Parse = SecretSources & {file: string};

const hint = 'See README.md for what a bootstrap file holds.';

/** Throws CONFIG_INVALID with every mistake. */
export function parseAgentBootstrap(
  text: string,
  {file, ...secrets}: Parse,
): {agent: AgentConfig; caSha256: string | undefined} {
  const found = validateYaml(text, {schema: agentBootstrap, file, hint, secrets});
  const {agent_id: id, ca_sha256: caSha256, ...settings} = found;
  return {agent: configSchema.parse({agent: {id, ...settings}}).agent!, caSha256};
}

export function parseFusionBootstrap(
  text: string,
  {file, ...secrets}: Parse,
): {fusion: FusionConfig; caSha256: string | undefined} {
  const found = validateYaml(text, {schema: fusionBootstrap, file, hint, secrets});
  const {fusion_id: id, ca_sha256: caSha256, listen, ...settings} = found;
  const {fusion} = configSchema.parse({fusion: {id, ...settings}});
  return {fusion: {...fusion!, ...(listen && {listen})}, caSha256};
}
