import {z} from '@hono/zod-openapi';
import {isName, nameWanted} from '../../../core/config/values.ts';
import type {ChangeOutcome} from '../../../core/control/config-authority.ts';
import {nodeKinds} from '../../../core/control/protocol.ts';
import type {StoredRevision} from '../../../core/control/revisions.ts';
import {booleanParameter, integerParameter} from '../../http/parameters.ts';

const revisionNumber = z.number().int().nonnegative();
const message = z.string().max(4_096).describe('Why.');

/** The body of `POST /api/v1/apply`. */
export const applyOrder = z.strictObject({
  files: z.record(z.string(), z.string()).describe('By their paths, YAML.'),
  prune: z.boolean().default(false).describe('Files that are not among these go. Default: they stay.'),
  message: message.default(''),
  expected_revision: revisionNumber.optional().describe('If another one is in force, nothing is changed.'),
  dry_run: z.boolean().default(false).describe('Only tell what would be done, or what is wrong.'),
});

export const rollbackOrder = z.strictObject({
  revision: z.number().int().positive().describe('Whose files come back.'),
  message: message.optional(),
});

export const revisionParameters = z.object({
  limit: integerParameter({min: 1, max: 1_000}).default(100).describe('At most so many. Default: 100'),
  cursor: integerParameter({min: 1, max: 999_999_999}).optional().describe('"next_cursor" of the page before.'),
});

export const revisionContentParameters = z.object({
  files: booleanParameter.default(false).describe('With the texts of its files.'),
});

/** Of two revisions. */
const which = z
  .string()
  .regex(/^(\d{1,9}|current)$/, 'a number, or "current"')
  .transform(text => (text === 'current' ? undefined : Number(text)));
export const diffParameters = z.object({from: which.optional().describe('Default: the one before.')});
export const whichRevision = z.object({revision: which});

export const pullParameters = z.object({
  agent_id: z.string().refine(isName, {error: nameWanted}).describe('Of the node; of a fusion too.'),
  kind: z.enum(nodeKinds).optional().describe('Default: that of the token, else "agent".'),
  current_signature: z.string().max(512).optional().describe('Of the manifest that the node has.'),
  wait: integerParameter({min: 0, max: 60})
    .default(0)
    .describe('Seconds: so long the answer is kept back while there is no other manifest.'),
});

export const fileProblem = z
  .object({file: z.string(), message: z.string().describe('With file, line and column.')})
  .openapi('DesiredProblem');

export const revision = z
  .object({
    revision: revisionNumber,
    at: z.string(),
    author: z.string(),
    message: z.string(),
    origin: z.enum(['git', 'api', 'seed', 'rollback']),
    commit: z.string().nullable().describe('Of Git.'),
    in_force: z.boolean(),
    pinned: z.boolean(),
  })
  .openapi('Revision');

const nodeRef = z.object({kind: z.enum(nodeKinds), id: z.string()});

export const change = z
  .object({
    revision: revisionNumber.describe('In force from now on; with dry_run: then.'),
    is_new: z.boolean(),
    changed: z.array(nodeRef).describe('Nodes whose manifest is another one.'),
    problems: z.array(fileProblem),
    diff: z.string().describe('As "diff -ru" tells it.'),
  })
  .openapi('DesiredChange');

export const desired = z
  .object({
    revision: revision.nullable().describe('In force; null before the first.'),
    authority: z.enum(['api', 'git']).describe('Who changes it.'),
    newest: revisionNumber.describe('In force if nothing were pinned.'),
    pin: z.object({revision: revisionNumber, by: z.string(), at: z.string()}).nullable(),
    problems: z.array(fileProblem).describe('Of what was offered last: files that are not used.'),
    nodes: z
      .array(nodeRef.extend({reason: z.string(), since: z.string()}))
      .describe('Nodes that keep an earlier manifest, because theirs cannot be made.'),
    git: z.unknown().describe('How Git is followed; null without it.'),
  })
  .openapi('Desired');

export const registryRow = z
  .looseObject({
    name: z.string(),
    file: z.string().describe('Where it is defined.'),
    agent: z.string().optional().describe('It stands in the file of this agent, for itself.'),
  })
  .openapi('RegistryRow');

export const manifest = nodeRef
  .extend({
    revision: revisionNumber.describe('In which it became what it is.'),
    file: z.string(),
    signature: z.string(),
    hash: z.string().nullable().describe('SHA-256.'),
    config: z.record(z.string(), z.unknown()),
    problem: z
      .object({reason: z.string(), since: z.string()})
      .nullable()
      .describe('Why it is not another one, that cannot be made.'),
  })
  .openapi('Manifest');

export function revisionAnswer(
  {number, at, author, message: why, origin, commit}: StoredRevision,
  {inForce, pinned}: {inForce: number | undefined; pinned: number | undefined},
): z.output<typeof revision> {
  return {
    ...{revision: number, at: isoTime(at), author, message: why, origin, commit: commit ?? null},
    ...{in_force: number === inForce, pinned: number === pinned},
  };
}

export function changeAnswer({isNew, ...rest}: ChangeOutcome): z.output<typeof change> {
  return {...rest, is_new: isNew};
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
