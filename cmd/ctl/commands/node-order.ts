import {FustorError} from '../../../core/errors/fustor-error.ts';
import {isObject, type JsonObject} from '../exact-json.ts';
import {exitCodeOfCommands, orderCommand, untilEnded} from '../node-commands.ts';
import {jsonDocument} from '../output/json.ts';
import {cell, table} from '../output/table.ts';
import type {Verb} from '../verb.ts';

type Flags = {wait: boolean};
export type NodeKindWord = 'agent' | 'fusion';

/** What a node calls the things that run on it. */
export const partWord = {agent: 'pipe', fusion: 'part'} as const;

const summaries = {
  agent: {
    restart:
      'Have the process of a pipe, or of all pipes of an agent, end by itself and start again; one that does not is killed.',
    kill: 'Have the process of a pipe, or of all pipes of an agent, killed (-9) and started again.',
    reload: 'Have an agent read its configuration again, and take up another executable that was put in its place.',
  },
  fusion: {
    restart: 'Have a part of a fusion end by itself and start again; one that does not is killed.',
    kill: 'Have a part of a fusion killed (-9) and started again.',
    reload: 'Have a fusion read its configuration again, and take up another executable that was put in its place.',
  },
} as const;

/**
 * A verb that has something done on a node. What has not reached the node when this command gives up will not be done any
 * more. Exit code 1 when it failed, 6 when its end was not heard of in time.
 */
export function nodeOrder(kind: NodeKindWord, order: 'restart' | 'kill' | 'reload'): Verb<Flags> {
  return {
    name: `${kind} ${order}`,
    summary: summaries[kind][order],
    declare: command => {
      command.argument(`<${kind}>`, `name of the ${kind}`);
      if (order !== 'reload' && kind === 'agent')
        command.argument('[pipe]', 'only the process of this pipe; else those of all');
      if (order !== 'reload' && kind === 'fusion') command.argument('<part>', 'for example engine-research');
      command
        .option('--wait', 'until it is done, for --timeout at most', true)
        .option(
          '--no-wait',
          'only until the controller has taken it; --timeout is how long it may still reach the node',
        );
    },
    completes: order === 'reload' ? [{kind: `${kind}s`}, 'nothing'] : [{kind: `${kind}s`}, 'part of node', 'nothing'],
    nameOf: ({id}) => String(id),

    run: async ({control, args, flags, timeoutMs, isJson, io}) => {
      const [name, part] = [args[0]!, args[1]];
      const path = `${kind}s/${encodeURIComponent(name)}`;
      const {data} = await control.get(path);
      if (isObject(data) && data.state === 'silent') {
        io.notice(`${name} is silent since ${cell('since', data.since)}; it hears of this when it is back in time.`);
      }
      const endsAt = performance.now() + timeoutMs;
      const ordered = await Promise.all(
        targets(data).map(target => orderCommand({control, path, timeoutMs}, {...target, command: order})),
      );
      const commands = flags.wait ? await untilEnded(ordered, {control, path, endsAt, io}) : ordered;
      await io.write(isJson ? jsonDocument({data: commands}) : shown(kind, commands));
      return flags.wait ? exitCodeOfCommands(commands) : 0;

      function targets(node: unknown): object[] {
        if (order === 'reload') return [{}];
        if (part !== undefined) return [{[partWord[kind]]: part}];
        const pipes = pipesOf(node);
        if (pipes.length === 0) throw new FustorError('PIPE_NOT_FOUND', `The agent ${name} has no pipes.`);
        return pipes.map(pipe => ({pipe}));
      }
    },
  };
}

function pipesOf(agent: unknown): string[] {
  const parts = isObject(agent) && Array.isArray(agent.parts) ? agent.parts.filter(isObject) : [];
  return parts.flatMap(({pipe}) => (typeof pipe === 'string' ? [pipe] : []));
}

function shown(kind: NodeKindWord, commands: JsonObject[]): string {
  const columns = [partWord[kind], 'command', 'state', 'message'];
  return table(
    columns.map(column => column.toUpperCase()),
    commands.map(command => columns.map(column => cell(column, command[column]))),
  );
}
