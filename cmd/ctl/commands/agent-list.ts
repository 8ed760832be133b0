import {isObject, type JsonObject} from '../exact-json.ts';
import {jsonDocument} from '../output/json.ts';
import {cell, table} from '../output/table.ts';
import type {Verb} from '../verb.ts';

export const agentList: Verb<object> = {
  name: 'agent list',
  summary: 'List all agents that the controller has ever heard, and since when they are online or silent.',
  declare: () => {},

  run: async ({client, isJson, io}) => {
    const answer = await client.get('agents');
    const agents = Array.isArray(answer.data) ? answer.data.filter(isObject) : [];
    if (isJson) await io.write(jsonDocument(answer));
    else await io.write(table(['AGENT', 'STATE', 'SINCE', 'HOST', 'VERSION', 'RUNNING', 'CONFIG'], agents.map(row)));
    if (!isJson && agents.length === 0) io.notice('No agent has been heard yet.');
    return 0;
  },
};

function row({id, state, since, shell, parts, config}: JsonObject): string[] {
  const {host, version} = isObject(shell) ? shell : {};
  const all = Array.isArray(parts) ? parts.filter(isObject) : [];
  const running = all.filter(part => part.state === 'running').length;
  return [
    cell('id', id),
    cell('state', state),
    cell('since', since),
    cell('host', host),
    cell('version', version),
    `${running}/${all.length}`,
    cell('state', isObject(config) ? config.state : undefined),
  ];
}
