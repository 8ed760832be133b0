import {stringify} from 'yaml';
import {configInvalid} from '../../../core/config/mistakes.ts';
import {isName, nameWanted} from '../../../core/config/values.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {hideSecrets} from '../../../core/site/hide-secrets.ts';
import {agentConfig} from '../../../core/site/node-config.ts';
import {mistakeIn, readSiteFile} from '../../../core/site/site-file.ts';
import {LateAnswers} from '../../http/answer-later.ts';
import {queryOf, type RetryAfter} from '../../http/api.ts';
import {demandNode, type Key, mayOrder, mayReport} from '../../http/keys.ts';
import {parseParameters, readParameters} from '../../http/parameters.ts';
import {readBody} from '../../http/read-json.ts';
import type {ControllerApp, ControllerAppParts, ControllerContext} from '../app.ts';
import {audited} from '../audit.ts';
import {changeAnswer, pullParameters} from './desired-shapes.ts';
import {offerer} from './revisions.ts';

const configBytesMax = 2 ** 20;

/**
 * `/api/v1/control/configs`: what one node should do. Administrators store the full configuration of an agent, as its own file
 * would be; the node pulls its manifest, in which that is and all else it needs.
 */
export function configRoutes(app: ControllerApp, parts: ControllerAppParts & {retryAfter: RetryAfter}): void {
  const {authority, manifests} = parts.desired;
  const late = new LateAnswers(parts);
  app.get('/api/v1/control/configs/pull', async context => {
    const raw = readParameters(queryOf(context), Object.keys(pullParameters.shape));
    const {agent_id: id, kind: asked, current_signature: current, wait} = parseParameters(raw, pullParameters);
    const key = context.get('key');
    demandPuller(key);
    const kind = asked ?? key.node?.kind ?? 'agent';
    demandNode(key, {kind, id});
    const known = {current, waitMs: wait * 1_000};
    return late.answer(context, async signal => {
      const manifest = await manifests.pull({kind, id}, {...known, signal});
      if (!manifest) throw notFound(`There is no configuration for the ${kind} ${id}.`);
      const headers = {
        'x-config-signature': manifest.signature,
        'x-config-revision': String(manifest.revision),
        'cache-control': 'no-store',
      };
      if (manifest.signature === current) return {status: 304, headers, body: null};
      return {status: 200, headers: {...headers, 'content-type': 'application/json'}, body: manifest.bytes};
    });
  });

  app.post('/api/v1/control/configs/:agent', async context => {
    const id = agentIn(context);
    const text = (await readBody(context, configBytesMax)).toString();
    audited(context, {action: 'desired.seed', subject: `agent ${id}`});
    const file = authority.site().agents.get(id)?.file;
    const path = file?.agent === id ? file.path : `agents/${id}.yaml`;
    demandConfigOf(id, path, text);
    const outcome = await authority.offer({
      ...{files: new Map([[path, text]]), keepsOthers: true, isStrict: true, origin: 'seed'},
      ...{message: `Configuration of ${id}`, ...offerer(context)},
    });
    const signature = manifests.get({kind: 'agent', id})?.signature ?? null;
    return context.json({data: {...changeAnswer(outcome), agent_id: id, signature}});
  });

  app.get('/api/v1/control/configs/:agent', context => {
    const id = agentIn(context);
    const site = authority.site();
    const file = site.agents.get(id)?.file;
    if (!file) throw notFound(`There is no configuration for the agent ${id}.`);
    const {agent, ...rest} = file.agent === undefined ? hideSecrets(agentConfig(site, id)) : {};
    const text = agent ? stringify({agent: {id, ...agent}, ...rest}) : file.text;
    return context.body(text, 200, {'content-type': 'application/yaml; charset=utf-8', 'cache-control': 'no-store'});
  });
}

/** The path of a request for administrators. Throws BAD_REQUEST or FORBIDDEN. */
function agentIn(context: ControllerContext<'/:agent'>): string {
  readParameters(queryOf(context), []);
  demandAdministrator(context.get('key'));
  const id = context.req.param('agent');
  if (isName(id)) return id;
  throw new FustorError('BAD_REQUEST', `"${id}" is no name of an agent; wanted is ${nameWanted}.`);
}

/** There are secrets in it; what administrators and operators look at is without them. */
function demandPuller(key: Key): void {
  if (mayReport(key)) return;
  throw new FustorError(
    'FORBIDDEN',
    `The key "${key.name}" has the role ${key.role} and may not see what nodes pull.`,
    {
      hint: 'GET /api/v1/manifests/agent/ID (or fusion) shows it without secrets.',
    },
  );
}

/** A node's own key is good for pulling. */
function demandAdministrator(key: Key): void {
  if (mayOrder(key)) return;
  throw new FustorError('FORBIDDEN', `The key "${key.name}" has the role ${key.role} and may not see configurations.`, {
    hint: 'Use a key of another role; a node pulls its own with /api/v1/control/configs/pull.',
  });
}

/** Mistakes in a file are told when it is offered; this one is of the right kind and for the right agent. */
function demandConfigOf(id: string, path: string, text: string): void {
  const result = readSiteFile(path, text);
  if ('mistakes' in result || result.file.agent === id) return;
  const {file} = result;
  const mistake =
    file.agent === undefined
      ? mistakeIn(file, {path: ['agent'], message: 'missing', wanted: `the section "agent: { id: ${id} }"`})
      : mistakeIn(file, {path: ['agent', 'id'], message: 'this is the configuration of another agent', wanted: id});
  throw configInvalid({file: path, mistakes: [mistake], hint: 'Nothing was changed.'});
}

function notFound(message: string): FustorError {
  return new FustorError('NOT_FOUND', message, {hint: 'Store one with "fustorctl apply", or in Git.'});
}
