import {type OpenAPIHono, z} from '@hono/zod-openapi';
import {
  commandArguments,
  commandData,
  commandId,
  commandOutcomes,
  configReport,
  controlHeartbeat,
  controlHeartbeatAnswer,
  nodeCommands,
  nodeKinds,
  partCommands,
  partReport,
  shellReport,
} from '../../../core/control/protocol.ts';
import {type ApiEnv, json} from '../../http/api.ts';

/** The body of `POST …/commands`. */
export const commandOrder = z.strictObject({
  command: z
    .enum(partCommands)
    .describe('"restart" lets it end by itself first; "kill" does not ask. Both start it again.'),
  pipe: z.string().min(1).max(64).describe('Whose process.'),
  id: commandId.optional().describe('A name of your choosing for the command: ordered twice it is the same one.'),
  deadline_ms: z
    .number()
    .int()
    .min(100)
    .max(3_600_000)
    .default(60_000)
    .describe('If the agent could not be told within this time, the command expires. Default: a minute.'),
});

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

const common = {
  id: z.string(),
  kind: z.enum(nodeKinds),
  state: z.enum(['online', 'silent']),
  since: z.string().describe('Online since; or, when it is silent, heard last.'),
  seen_at: z.string(),
  silent_ms: z.number().int().describe('How long ago it was heard.'),
  key: z.string().describe('Name of the key that it came with.'),
  instance: z.string(),
  shell: shellReport,
  config: configReport,
};
const ofPipe = {pipe: z.string().nullable()};
const summary = z
  .object({...common, parts: z.array(partReport.pick({name: true, state: true, pid: true}).extend(ofPipe))})
  .openapi('AgentSummary');
const agent = z.object({...common, parts: z.array(partReport.extend(ofPipe))}).openapi('Agent');

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
const notFound = {404: json(errorBody, 'No such agent, pipe or command.')};
const later = 'the header Retry-After tells when to ask again.';

/** What a controller answers, for `/openapi.json`; also for that of a fusion that embeds one. */
export function describeControl(app: OpenAPIHono<ApiEnv>): void {
  const ofAgent = {params: z.object({id: z.string()})};
  const ofCommand = {params: z.object({id: z.string(), command: z.string()})};
  const body = (schema: z.ZodType) => ({body: {required: true, content: {'application/json': {schema}}}});
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/api/v1/control/heartbeat',
    summary: 'How the parts of an agent are; held until there is a command.',
    request: body(controlHeartbeat),
    responses: {200: json(z.object({data: controlHeartbeatAnswer}), 'The commands that wait.'), ...errors},
  });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/v1/agents',
    summary: 'All agents that have ever been heard.',
    responses: {200: json(z.object({data: z.array(summary)}), 'The agents.'), ...errors},
  });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/v1/agents/{id}',
    summary: 'How one agent and all its parts are, and how they died last.',
    request: ofAgent,
    responses: {200: json(z.object({data: agent}), 'The agent.'), ...errors, ...notFound},
  });
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/api/v1/agents/{id}/commands',
    summary: 'Orders something to be done to the process of a pipe.',
    request: {...ofAgent, ...body(commandOrder)},
    responses: {
      202: json(z.object({data: command}), 'A new command.'),
      200: json(z.object({data: command}), 'The command with this id that was ordered before.'),
      ...errors,
      ...notFound,
      409: json(errorBody, 'Another command has this id.'),
      429: json(errorBody, `Too many commands for this agent wait; ${later}`),
    },
  });
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/api/v1/agents/{id}/commands/{command}',
    summary: 'What became of a command.',
    request: ofCommand,
    responses: {200: json(z.object({data: command}), 'The command.'), ...errors, ...notFound},
  });
}
