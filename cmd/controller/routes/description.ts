import {type OpenAPIHono, z} from '@hono/zod-openapi';
import {
  commandArguments,
  commandData,
  commandOutcomes,
  configReport,
  controlHeartbeat,
  controlHeartbeatAnswer,
  nodeCommands,
  nodeKinds,
  partReport,
  shellReport,
} from '../../../core/control/protocol.ts';
import {type ApiEnv, json} from '../../http/api.ts';
import {commandOrder} from './command-order.ts';
import {describeHealth, nodeApply} from './health-description.ts';

const command = z
  .object({
    id: z.string(),
    agent: z.string(),
    part: z.string().nullable(),
    pipe: z.string().nullable(),
    command: z.enum(nodeCommands),
    arguments: commandArguments.optional(),
    state: z.enum(['queued', 'sent', ...commandOutcomes]),
    message: z.string().nullable().describe('What was done, or why not.'),
    data: commandData.optional().describe('What it brought back.'),
    ordered_by: z.string().describe('Name of the key.'),
    ordered_at: z.string(),
    sent_at: z.string().nullable(),
    ended_at: z.string().nullable(),
    deadline_ms: z.number().int().nullable().describe('What is left of its time; null when it has ended.'),
  })
  .openapi('Command');

const compared = {
  id: z.string(),
  kind: z.enum(nodeKinds),
  wanted: z.boolean().describe('Whether the configuration names it.'),
  state: z.enum(['online', 'silent', 'never_seen']),
  since: z.string().describe('Online since; or, when it is silent, heard last.'),
  apply: nodeApply,
};
const told = {
  seen_at: z.string(),
  silent_ms: z.number().int().describe('How long ago it was heard.'),
  key: z.string().describe('Name of the key that it came with.'),
  instance: z.string(),
  shell: shellReport,
  config: configReport,
};
const ofPipe = {pipe: z.string().nullable()};
const summary = z
  .object({...told, parts: z.array(partReport.pick({name: true, state: true, pid: true}).extend(ofPipe))})
  .partial()
  .extend(compared)
  .openapi('NodeSummary');
const views = z.array(z.record(z.string(), z.unknown())).optional().describe('Of a fusion: how its views are.');
const node = z.object({...compared, ...told, parts: z.array(partReport.extend(ofPipe)), views}).openapi('Node');

const errorBody = z
  .object({
    error: z.object({
      code: z.string(),
      message: z.string(),
      hint: z.string().optional(),
      details: z.unknown().optional(),
    }),
  })
  .openapi('ControlError');

const errors = {
  400: json(errorBody, 'A parameter or the body is not what is wanted.'),
  401: json(errorBody, 'No key, or an unknown one.'),
  403: json(errorBody, 'The key may not do this.'),
};
const notFound = {404: json(errorBody, 'No such node, part or command.')};
const later = 'the header Retry-After tells when to ask again.';

/** What a controller answers, for `/openapi.json`; also for that of a fusion that embeds one. */
export function describeControl(app: OpenAPIHono<ApiEnv>): void {
  const ofNode = {params: z.object({id: z.string()})};
  const ofCommand = {params: z.object({id: z.string(), command: z.string()})};
  const body = (schema: z.ZodType) => ({body: {required: true, content: {'application/json': {schema}}}});
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/api/v1/control/heartbeat',
    summary: 'How the parts of a node are; held until there is a command.',
    request: body(controlHeartbeat),
    responses: {200: json(z.object({data: controlHeartbeatAnswer}), 'The commands that wait.'), ...errors},
  });
  for (const kind of nodeKinds) {
    const base = `/api/v1/${kind}s` as const;
    app.openAPIRegistry.registerPath({
      method: 'get',
      path: base,
      summary: `All ${kind}s that are configured or have ever been heard.`,
      responses: {200: json(z.object({data: z.array(summary)}), `The ${kind}s.`), ...errors},
    });
    app.openAPIRegistry.registerPath({
      method: 'get',
      path: `${base}/{id}`,
      summary: `How one ${kind} and all its parts are, and how they died last.`,
      request: ofNode,
      responses: {200: json(z.object({data: node}), `The ${kind}.`), ...errors, ...notFound},
    });
    app.openAPIRegistry.registerPath({
      method: 'post',
      path: `${base}/{id}/commands`,
      summary: `Orders something to be done by the ${kind}, or to a part of it.`,
      request: {...ofNode, ...body(commandOrder)},
      responses: {
        202: json(z.object({data: command}), 'A new command.'),
        200: json(z.object({data: command}), 'The command with this id that was ordered before.'),
        ...errors,
        ...notFound,
        409: json(errorBody, 'Another command has this id.'),
        429: json(errorBody, `Too many commands for this ${kind} wait; ${later}`),
      },
    });
    app.openAPIRegistry.registerPath({
      method: 'get',
      path: `${base}/{id}/commands/{command}`,
      summary: 'What became of a command.',
      request: ofCommand,
      responses: {200: json(z.object({data: command}), 'The command.'), ...errors, ...notFound},
    });
  }
  describeHealth(app, errors);
}
