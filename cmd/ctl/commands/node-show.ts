import {isObject} from '../exact-json.ts';
import {jsonDocument} from '../output/json.ts';
import {nodePage} from '../output/node-page.ts';
import type {Verb} from '../verb.ts';
import type {NodeKindWord} from './node-order.ts';

function nodeShow(kind: NodeKindWord, summary: string): Verb<object> {
  return {
    name: `${kind} show`,
    summary,
    declare: command => command.argument(`<${kind}>`, `name of the ${kind}`),
    completes: [{kind: `${kind}s`}, 'nothing'],

    run: async ({control, argument, isJson, io}) => {
      const answer = await control.get(`${kind}s/${encodeURIComponent(argument!)}`);
      if (isJson) await io.write(jsonDocument(answer));
      else if (isObject(answer.data)) await io.write(nodePage(answer.data));
      return 0;
    },
  };
}

export const agentShow = nodeShow(
  'agent',
  'Show how an agent and the processes of its pipes are, and how they died last.',
);
export const fusionShow = nodeShow('fusion', 'Show how a fusion and its processes are, and how they died last.');
