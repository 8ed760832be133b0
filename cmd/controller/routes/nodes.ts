import {type AgentAnswer, agentSummary} from '../../../core/control/answers.ts';
import {type NodeAnswer, nodeAnswer} from '../../../core/control/health/answers.ts';
import {type NodeKind, nodeKinds} from '../../../core/control/protocol.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';
import {queryOf} from '../../http/api.ts';
import {type Key, opens, seesAll} from '../../http/keys.ts';
import {readParameters} from '../../http/parameters.ts';
import {readJson} from '../../http/read-json.ts';
import type {ControllerApp, ControllerAppParts, ControllerContext} from '../app.ts';
import {audited} from '../audit.ts';
import {commandOrder, orderExamples, readOrder} from './command-order.ts';

const orderBytesMax = 16 * 1024;

/** `/api/v1/agents` and `/api/v1/fusions`: how the nodes are, and commands for them. */
export function nodeRoutes(app: ControllerApp, parts: ControllerAppParts): void {
  for (const kind of nodeKinds) routesOf(kind, app, parts);
}

function routesOf(kind: NodeKind, app: ControllerApp, {controller, health}: ControllerAppParts): void {
  const base = `/api/v1/${kind}s` as const;
  const withoutParameters = (context: ControllerContext) => void readParameters(queryOf(context), []);
  const compared = () =>
    health
      .picture()
      .nodes.filter(node => node.kind === kind)
      .map(nodeAnswer);
  /** Those that have to do with its views, with the parts of its pipes, and without what they say of others. */
  const openTo = (key: Key) => {
    const {pipes, views} = health.picture();
    const isOpen = ({view}: {view: string | null}) => view !== null && opens(key, view);
    const pipesOf = Map.groupBy(pipes.filter(isOpen), ({agent}) => agent);
    const fusions = new Set(views.filter(isOpen).map(({fusion}) => fusion));
    return compared().flatMap(({apply, ...node}) => {
      const own = pipesOf.get(node.id);
      if (kind === 'agent' ? !own : !fusions.has(node.id)) return [];
      const parts = own?.flatMap(({part, pipe}) =>
        part ? [{name: part.name, pipe, state: part.state, pid: part.pid}] : [],
      );
      return [{...node, apply: {...apply, reason: null}, ...(kind === 'agent' && {parts})}];
    });
  };
  app.get(base, context => {
    withoutParameters(context);
    const key = context.get('key');
    if (!seesAll(key)) return context.json({data: openTo(key)});
    const heard = new Map(controller.agents(kind).map(node => [node.id, agentSummary(node)]));
    return context.json({data: compared().map(node => withHeard(node, heard.get(node.id)))});
  });
  app.get(`${base}/:id`, context => {
    withoutParameters(context);
    const [id, key] = [context.req.param('id'), context.get('key')];
    if (!seesAll(key)) {
      const found = openTo(key).find(node => node.id === id);
      if (found) return context.json({data: found});
      throw new FustorError(
        kind === 'agent' ? 'AGENT_NOT_FOUND' : 'NOT_FOUND',
        `There is no ${kind} "${id}" of the views of this key.`,
      );
    }
    const heard = controller.agent(id, kind);
    const node = compared().find(one => one.id === heard.id);
    return context.json({data: node ? withHeard(node, heard) : heard});
  });
  app.post(`${base}/:id/commands`, async context => {
    withoutParameters(context);
    const body = await readJson(context, commandOrder, {bytesMax: orderBytesMax, looksLike: orderExamples[kind]});
    const id = context.req.param('id');
    const subject = [kind, id, body.pipe ?? body.part ?? []].flat().join('/');
    audited(context, {action: `${kind}.${body.command}`, subject});
    const {command, isNew} = await controller.order({
      ...readOrder(kind, body),
      id: body.id,
      kind,
      agent: id,
      key: context.get('key').name,
      deadlineMs: body.deadline_ms,
    });
    return context.json({data: command}, isNew ? 202 : 200);
  });
  app.get(`${base}/:id/commands/:command`, context => {
    withoutParameters(context);
    const {id, command} = context.req.param();
    return context.json({data: controller.command(id, command, kind)});
  });
}

/** One that has never been heard has no more to tell. */
function withHeard<Heard extends Pick<AgentAnswer, 'id'>>(node: NodeAnswer, heard: Heard | undefined) {
  return {...heard, ...node};
}
