import {loadConfig} from '../load-config.ts';
import {missingSection} from '../serve.ts';
import type {Described, ShellRole} from '../systemd/role.ts';
import {agentUnits} from '../systemd/units.ts';

export const agentRole: ShellRole = {
  program: 'agent',
  config: async (file, env) => {
    const {agent, sources} = await loadConfig(file, env);
    if (!agent) throw missingSection(file, 'agent');
    return described(agent.data, sources);
  },
  bootstrap: async (file, env) => {
    const {setupOfBootstrap} = await import('./agent-setup.ts'); // with all that a payload is made of
    const {agent, local} = await setupOfBootstrap(file, env);
    const pipes = local?.pipes ?? [];
    return described(
      agent.data,
      pipes.flatMap(pipe => ('mistake' in pipe ? [] : [pipe.source])),
    );
  },
};

function described(data: string, sources: readonly {path: string}[]): Described {
  const sourcePaths = sources.map(({path}) => path);
  return {data, units: service => agentUnits({...service, dataDirectory: data, sourcePaths})};
}
