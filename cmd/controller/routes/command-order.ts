import {z} from 'zod';
import {partOfPipe} from '../../../core/control/part-names.ts';
import {
  type CommandArguments,
  commandArguments,
  commandId,
  type NodeCommand,
  type NodeKind,
  nodeCommands,
} from '../../../core/control/protocol.ts';
import {FustorError} from '../../../core/errors/fustor-error.ts';

/** The body of `POST …/commands`. */
export const commandOrder = z.strictObject({
  command: z
    .enum(nodeCommands)
    .describe(
      '"restart" lets a process end by itself first, "kill" does not ask; both start it again. "scan" has a pipe look at ' +
        'a path now. "reload" has the node read its configuration again. "logs" brings the last lines of a log.',
    ),
  pipe: z.string().min(1).max(64).optional().describe('Of an agent: whose process.'),
  part: z.string().min(1).max(128).optional().describe('Of a fusion: its part, such as "engine-research".'),
  arguments: commandArguments
    .optional()
    .describe('"path" of a scan, below the root of the source; "lines" of a log. Default: "/", and 100.'),
  id: commandId.optional().describe('A name of your choosing for the command: ordered twice it is the same one.'),
  deadline_ms: z
    .number()
    .int()
    .min(100)
    .max(3_600_000)
    .default(60_000)
    .describe('If the node could not be told within this time, the command expires. Default: a minute.'),
});
export type CommandOrderBody = z.output<typeof commandOrder>;

export const orderExamples = {
  agent: '{"command": "restart", "pipe": "research"}',
  fusion: '{"command": "restart", "part": "engine-research"}',
} as const;

type Ordered = {part: string | null; command: NodeCommand; arguments: CommandArguments | undefined};

/** What an order to a node means; `part` null is its shell. Throws BAD_REQUEST for what makes no sense together. */
export function readOrder(kind: NodeKind, {command, pipe, part, arguments: given = {}}: CommandOrderBody): Ordered {
  const [mine, wrong] = kind === 'agent' ? ([pipe, part] as const) : ([part, pipe] as const);
  const [name, other] = kind === 'agent' ? ['pipe', 'part'] : ['part', 'pipe'];
  const refuse = (message: string) =>
    new FustorError('BAD_REQUEST', message, {hint: `It looks like ${orderExamples[kind]}.`});
  if (wrong !== undefined) throw refuse(`A command for ${kind === 'agent' ? 'an' : 'a'} ${kind} has no "${other}".`);
  if (mine === undefined && command !== 'reload' && command !== 'logs') {
    throw refuse(`"${command}" needs a "${name}".`);
  }
  if (mine !== undefined && command === 'reload') throw refuse(`"reload" is for the ${kind}, not for a ${name} of it.`);
  if (command === 'scan' && kind === 'fusion') throw refuse('A fusion does not scan: order it from an agent.');
  if (given.path !== undefined && command !== 'scan') throw refuse(`"${command}" has no "path".`);
  if (given.lines !== undefined && command !== 'logs') throw refuse(`"${command}" has no "lines".`);
  const target = mine === undefined ? null : kind === 'agent' ? partOfPipe(mine) : mine;
  return {part: target, command, arguments: argumentsOf(command, given)};
}

function argumentsOf(command: NodeCommand, {path = '/', lines = 100}: CommandArguments): CommandArguments | undefined {
  if (command === 'scan') return {path};
  return command === 'logs' ? {lines} : undefined;
}
