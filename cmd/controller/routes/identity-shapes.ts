import {z} from '@hono/zod-openapi';
import {duration, isName, nameWanted} from '../../../core/config/values.ts';
import {nodeKind, nodeName} from '../../../core/identity/protocol.ts';

/** What is sent and answered where identities, keys and credentials are administered. */

const name = z.string().refine(isName, {error: nameWanted});
const time = z.string().describe('As 2026-01-01T00:00:00.000Z.');
/** Written with its unit, as in a configuration. */
const length = (min: string, max: string) => duration({min, max}).meta({type: 'string', example: '1h'});

export const newEnrolToken = z.strictObject({
  role: nodeKind.default('agent').describe('What kind of node may enrol.'),
  ttl: length('1s', '366d').default(3_600_000).describe('How long it is good, with its unit. Default: 1h'),
  uses: z.number().int().min(1).max(100_000).default(1).describe('How many nodes may enrol with it. Default: 1'),
  node: nodeName.optional().describe('Only this node may.'),
  replace: z.boolean().default(false).describe('Also when another key has that identity. Needs "node".'),
});

export const enrolToken = z
  .object({
    id: z.string(),
    role: nodeKind,
    node: z.string().nullable(),
    replace: z.boolean(),
    state: z.enum(['usable', 'used_up', 'expired']),
    uses: z.number().int(),
    uses_left: z.number().int(),
    created_at: time,
    created_by: z.string().describe('Name of the key.'),
    expires_at: time,
  })
  .openapi('EnrolToken');

export const newApiKey = z.strictObject({
  name,
  role: z.enum(['admin', 'operator', 'reader', 'agent']),
  views: z
    .union([z.literal('*'), z.array(name).max(1_000)])
    .default('*')
    .describe('The views that it opens. Default: "*", all'),
  user: name.optional().describe('Whose it is.'),
  expires_in: length('1s', '3650d').optional().describe('With its unit. Default: it does not expire.'),
});

export const apiKey = z
  .object({
    name: z.string(),
    role: newApiKey.shape.role,
    views: z.union([z.literal('*'), z.array(z.string())]),
    user: z.string().nullable(),
    origin: z
      .enum(['file', 'site', 'api'])
      .describe("The controller's own configuration file, the desired state (for the fusions), or made here."),
    created_at: time.nullable(),
    created_by: z.string().nullable(),
    expires_at: time.nullable(),
  })
  .openapi('ApiKey');

export const newCredential = z.strictObject({
  name: name,
  value: z
    .string()
    .min(1)
    .max(64 * 1024),
});

export const credential = z.object({name: z.string(), changed_at: time, changed_by: z.string()}).openapi('Credential');

export const identity = z
  .object({
    kind: nodeKind,
    id: z.string(),
    state: z.enum(['active', 'revoked']),
    host: z.string(),
    machine_id: z.string().nullable(),
    enrolled_at: time,
    enrolled_with: z.string().describe('Id of the enrolment token.'),
    key_sha256: z.string().describe("Of the node's public key."),
    certificate_expires_at: time.nullable(),
    revoked_at: time.nullable(),
    revoked_by: z.string().nullable(),
  })
  .openapi('Identity');

export const auditRecord = z
  .object({
    number: z.number().int(),
    at: time,
    who: z.string().describe('Name of the key.'),
    user: z.string().nullable(),
    address: z.string().nullable(),
    action: z.string(),
    subject: z.string().nullable(),
    outcome: z.enum(['done', 'refused', 'failed']),
    code: z.string().nullable(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .openapi('AuditRecord');
