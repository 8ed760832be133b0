import {join} from 'node:path';
import type {AgentConfig, FustorConfig, PipeConfig} from '../../core/config/schema.ts';
import type {Log} from '../../core/log/log.ts';
import {type Part, supervise} from '../../core/shell/supervisor.ts';
import {startChild} from '../child-process.ts';
import {claimDirectory} from '../shell-directory.ts';
import {systemClock} from '../system-clock.ts';
import type {PayloadConfig} from './run-payload.ts';

/**
 * The agent's shell: one payload process for each pipe, started again when it ends. No driver runs here, so a hung mount or
 * a leak is the trouble of one payload. Resolves when `signal` aborts and all have ended.
 */
export async function runAgent(
  config: FustorConfig & {agent: AgentConfig},
  {log, signal}: {log: Log; signal: AbortSignal},
): Promise<void> {
  const {agent, pipes} = config;
  const {runDirectory, release} = await claimDirectory(agent.data, {role: 'agent', log});
  log.info({agent: agent.id, pipes: pipes.map(({name}) => name)}, 'agent runs');
  const supervision = {clock: systemClock, random: Math.random, log};
  await Promise.all(pipes.map(pipe => supervise(payloadPart(config, pipe, runDirectory), signal, supervision)));
  if (pipes.length === 0) await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
  release();
  log.info({}, 'agent stopped');
}

function payloadPart(
  {agent, sources, senders}: FustorConfig & {agent: AgentConfig},
  pipe: PipeConfig,
  runDirectory: string,
): Part {
  const config: PayloadConfig = {
    agentId: agent.id,
    socket: payloadSocket(runDirectory, pipe.name),
    storageFile: join(agent.data, 'storages', `${pipe.name}.json`),
    spoolDirectory: join(agent.data, 'spool', pipe.name),
    pipe,
    // References were checked when the configuration was read.
    source: sources.find(({name}) => name === pipe.source)!,
    sender: senders.find(({name}) => name === pipe.sender)!,
  };
  const name = `payload-${pipe.name}`;
  const {logLevel} = agent;
  return {
    name,
    start: () =>
      startChild({
        program: 'agent',
        command: 'payload',
        name,
        config: {...config, logLevel, facts: {pipe: pipe.name}},
        runDirectory,
      }),
  };
}

export function payloadSocket(runDirectory: string, pipe: string): string {
  return join(runDirectory, `payload-${pipe}.sock`);
}
