import {createHmac, hash, timingSafeEqual} from 'node:crypto';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import type {GitFollower} from '../../../core/git/git-follower.ts';
import {queryOf} from '../../http/api.ts';
import {readParameters} from '../../http/parameters.ts';
import {readJson} from '../../http/read-json.ts';
import {bodyChunks} from '../../http/request-body.ts';
import type {ControllerApp, ControllerAppParts, ControllerContext} from '../app.ts';
import {audited} from '../audit.ts';
import {syncOrder} from './git-description.ts';

export type GitParts = {follower: GitFollower; webhookSecret: string | undefined};

const orderBytesMax = 16 * 1024;
/** GitHub sends no more. */
const eventBytesMax = 25 * 2 ** 20;

/** `/api/v1/git`: has the repository looked at, which happens by itself from time to time. */
export function gitRoutes(app: ControllerApp, {git}: ControllerAppParts): void {
  app.post('/api/v1/git/sync', async context => {
    readParameters(queryOf(context), []);
    const hasBody = Number(context.req.header('content-length') ?? 1) > 0 && context.req.raw.body !== null;
    const order = hasBody
      ? await readJson(context, syncOrder, {bytesMax: orderBytesMax, looksLike: '{"accept_rewrite": true}'})
      : syncOrder.parse({});
    audited(context, {action: 'git.sync', subject: 'git', details: order});
    if (!git) throw withoutGit();
    const outcome = await git.follower.sync({acceptsRewrite: order.accept_rewrite});
    const {commit, revision, isNew, problems, changed} = outcome;
    return context.json({data: {commit, revision, is_new: isNew, problems, changed}});
  });
  app.post('/api/v1/git/webhook', async context => {
    if (git?.webhookSecret === undefined) throw withoutWebhook();
    await demandSecret(context, git.webhookSecret);
    git.follower.poke();
    return context.json({data: {}}, 202);
  });
}

/** GitHub, Gitea and Forgejo sign the body with the secret; GitLab sends it. Throws UNAUTHENTICATED. */
async function demandSecret(context: ControllerContext, secret: string): Promise<void> {
  const token = context.req.header('x-gitlab-token');
  if (token !== undefined && isSame(token, secret)) return;
  const signature = context.req.header('x-hub-signature-256');
  if (signature !== undefined && isSame(signature, `sha256=${await signatureOf(context, secret)}`)) return;
  throw new FustorError('UNAUTHENTICATED', 'Neither X-Hub-Signature-256 nor X-Gitlab-Token proves the secret.', {
    hint: 'Set the secret of the webhook to "webhook_secret" of controller.git.',
  });
}

/** Nothing of the body is kept: anybody may send one. */
async function signatureOf(context: ControllerContext, secret: string): Promise<string> {
  const hmac = createHmac('sha256', secret);
  for await (const chunk of bodyChunks(context, eventBytesMax)) hmac.update(chunk);
  return hmac.digest('hex');
}

/** Takes as long for all texts of one length. */
function isSame(one: string, other: string): boolean {
  return timingSafeEqual(hash('sha256', one, 'buffer'), hash('sha256', other, 'buffer'));
}

function withoutGit(): FustorError {
  return new FustorError('NOT_THE_AUTHORITY', 'This controller follows no Git repository.', {
    hint: 'Set "git" of its section "controller", or use "fustorctl apply".',
  });
}

function withoutWebhook(): FustorError {
  return new FustorError('ROUTE_NOT_FOUND', 'This controller has no webhook.', {
    hint: 'Set "webhook_secret" of controller.git.',
  });
}
