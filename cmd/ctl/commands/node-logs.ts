import {isObject} from '../exact-json.ts';
import {exitCodeOfCommands, orderCommand, untilEnded} from '../node-commands.ts';
import {escapeName} from '../output/escape.ts';
import {jsonDocument} from '../output/json.ts';
import {cell} from '../output/table.ts';
import type {Verb} from '../verb.ts';
import {wholeNumberFrom} from '../whole-number.ts';
import {type NodeKindWord, partWord} from './node-order.ts';

type Flags = {lines: number};

/** What a node's processes wrote last. Exit code 1 when they could not be had, 6 when the node did not tell in time. */
export function nodeLogs(kind: NodeKindWord): Verb<Flags> {
  const part = partWord[kind];
  return {
    name: `${kind} logs`,
    summary: `Show the last lines that the process of a ${part} wrote, or without one the shell of the ${kind}.`,
    declare: command =>
      command
        .argument(`<${kind}>`, `name of the ${kind}`)
        .argument(`[${part}]`, `only of this ${part}`)
        .option('-n, --lines <n>', 'how many', wholeNumberFrom(1), 100),
    completes: [{kind: `${kind}s`}, 'part of node', 'nothing'],
    nameOf: ({id}) => String(id),

    run: async ({control, args, flags, timeoutMs, isJson, io}) => {
      const node = {control, path: `${kind}s/${encodeURIComponent(args[0]!)}`};
      const target = args[1] === undefined ? {} : {[part]: args[1]};
      const endsAt = performance.now() + timeoutMs;
      const order = {...target, command: 'logs', arguments: {lines: flags.lines}};
      const ordered = await orderCommand({...node, timeoutMs}, order);
      const [command = {}] = await untilEnded([ordered], {...node, endsAt, io});
      const text = isObject(command.data) && typeof command.data.text === 'string' ? command.data.text : '';
      await io.write(isJson ? jsonDocument({data: command}) : io.isTerminal ? visible(text) : text);
      const exit = exitCodeOfCommands([command]);
      if (!isJson && exit !== 0) io.notice(`${cell('state', command.state)}: ${cell('message', command.message)}`);
      return exit;
    },
  };
}

/** Its lines, with nothing in them that a terminal would obey. */
function visible(text: string): string {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  return lines.map(line => `${escapeName(Buffer.from(line))}\n`).join('');
}
