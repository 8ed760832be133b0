import {type OpenAPIHono, z} from '@hono/zod-openapi';
import {nodeKinds} from '../../../core/control/protocol.ts';
import {type ApiEnv, json} from '../../http/api.ts';

/** The body of `POST /api/v1/git/sync`; none is all defaults. */
export const syncOrder = z.strictObject({
  accept_rewrite: z
    .boolean()
    .default(false)
    .describe('Also when the newest commit does not descend from the one that was accepted last.'),
});

export const fileProblem = z
  .object({file: z.string(), message: z.string().describe('With file, line and column, and what was wanted.')})
  .openapi('FileProblem');

export const gitState = z
  .object({
    url: z.string().describe('Without credentials.'),
    branch: z.string(),
    commit: z.string().nullable().describe('Accepted last.'),
    head: z.string().nullable().describe('The newest of the branch, as it was seen last.'),
    checked_at: z.string().nullable().describe('When Git was asked last.'),
    state: z.enum(['ok', 'failing']).describe('"failing": not all that is in Git is in force; what was last good is.'),
    reason: z.string().nullable().describe('Why it is failing.'),
    since: z.string().describe('In this state since.'),
    next_at: z.string().nullable().describe('When Git is asked next; null while it is asked.'),
    problems: z.array(fileProblem).describe('Files of the commit that are not used.'),
  })
  .openapi('GitState');

const synced = z
  .object({
    commit: z.string(),
    revision: z.number().int().describe('In force.'),
    is_new: z.boolean().describe('Whether it is in force since now.'),
    problems: z.array(fileProblem),
    changed: z.array(z.object({kind: z.enum(nodeKinds), id: z.string()})).describe('Nodes whose manifest has changed.'),
  })
  .openapi('GitSync');

const none = {description: 'This controller follows no Git repository, or has no webhook.'};

export function describeGit(app: OpenAPIHono<ApiEnv>): void {
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/api/v1/git/sync',
    summary: 'Looks at the Git repository now, and waits for what comes of it.',
    request: {body: {content: {'application/json': {schema: syncOrder}}}},
    responses: {
      200: json(z.object({data: synced}), 'What is in Git is in force, but for the files that have problems.'),
      400: {description: 'The body, or the configuration in Git, is not what is wanted.'},
      401: {description: 'No key, or an unknown one.'},
      403: {description: 'The key may not do this.'},
      409: none,
      502: {description: 'Git cannot be reached, or what was found there is not used. What was in force is.'},
    },
  });
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/api/v1/git/webhook',
    summary: 'For the server of the repository: somebody has pushed. The body is only looked at for its signature.',
    security: [],
    responses: {
      202: {description: 'Git is looked at.'},
      401: {description: 'Neither X-Hub-Signature-256 nor X-Gitlab-Token proves the secret.'},
      404: none,
    },
  });
}
