import {join} from 'node:path';
import type {AgentConfig, FustorConfig, PipeConfig} from '../../core/config/schema.ts';
import type {Log} from '../../core/log/log.ts';
import {Signal} from '../../core/pipe/signal.ts';
import {Fleet} from '../../core/shell/fleet.ts';
import type {Part} from '../../core/shell/part.ts';
import {spawnArguments} from '../program.ts';
import {partSocket, startChild} from '../shell/child-process.ts';
import {partHash} from '../shell/executable.ts';
import {executeOnParts} from '../shell/node-orders.ts';
import {Shell, type ShellControls} from '../shell/shell.ts';
import {claimDirectory, keepsDirectory} from '../shell/shell-directory.ts';
import {withQuarantine} from '../shell/supervision.ts';
import {systemClock} from '../system-clock.ts';
import {ChangingControlLink, type ControlLinkSettings, configReport} from './control-link.ts';
import type {PayloadConfig} from './run-payload.ts';

type Config = FustorConfig & {agent: AgentConfig};

/**
 * The agent's shell: one payload process for each pipe, started again when it ends. No driver runs here, so a hung mount or
 * a leak is the trouble of one payload. Resolves when `signal` aborts and all have ended.
 */
export async function runAgent(
  config: Config,
  {log, signal, controls}: {log: Log; signal: AbortSignal; controls?: ShellControls<Config>},
): Promise<void> {
  const {agent, pipes} = config;
  const {runDirectory, survivors, release} = claimDirectory(agent.data, 'agent');
  const parts = {clock: systemClock, random: Math.random, log, changed: new Signal()};
  const payloads = new Fleet(parts, survivors);
  const shell: Shell<Config> = new Shell<Config>(
    {
      apply: async (config, {isRenewal}) => {
        keepsDirectory('agent', agent.data, config.agent.data);
        await payloads.apply(config.pipes.map(pipe => payloadPart(config, pipe, runDirectory)));
        if (isRenewal) payloads.renew();
        await link.apply(linkSettings(config));
        return undefined;
      },
      report: () => payloads.report(),
      execute: (command, part) => payloads.execute(command, part),
      stop: async () => {
        await payloads.stop();
        await link.stop();
      },
    },
    {log, controls, runDirectory},
  );
  const link = new ChangingControlLink({
    ...parts,
    report: () => payloads.report(),
    config: () => configReport(shell.config),
    changed: [parts.changed, shell.changed],
    execute: order => executeOnParts(order, payloads),
  });
  log.info({agent: agent.id, pipes: pipes.map(({name}) => name)}, 'agent runs');
  await shell.run(config, signal);
  release();
  log.info({}, 'agent stopped');
}

function linkSettings({agent: {id: agentId, controlPlane}}: Config): ControlLinkSettings | undefined {
  return controlPlane && {...controlPlane, agentId};
}

function payloadPart({agent, sources, senders}: Config, pipe: PipeConfig, runDirectory: string): Part {
  const name = `payload-${pipe.name}`;
  const own: PayloadConfig = {
    agentId: agent.id,
    socket: partSocket(runDirectory, name),
    storageFile: join(agent.data, 'storages', `${pipe.name}.json`),
    spoolDirectory: join(agent.data, 'spool', pipe.name),
    pipe,
    // References were checked when the configuration was read.
    source: sources.find(({name}) => name === pipe.source)!,
    sender: senders.find(({name}) => name === pipe.sender)!,
  };
  const config = {...own, logLevel: agent.logLevel, facts: {pipe: pipe.name}};
  const hash = partHash(config);
  return {
    name,
    hash,
    supervision: withQuarantine(agent.supervision),
    start: () => startChild({...spawnArguments('agent', ['payload']), name, config, hash, runDirectory}),
  };
}
