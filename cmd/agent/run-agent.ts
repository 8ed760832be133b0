import type {Log} from '../../core/log/log.ts';
import {Signal} from '../../core/pipe/signal.ts';
import type {RecentLines} from '../recent-lines.ts';
import {executeOrder} from '../shell/node-orders.ts';
import {Shell, type ShellControls} from '../shell/shell.ts';
import {claimDirectory} from '../shell/shell-directory.ts';
import {systemClock} from '../system-clock.ts';
import {AgentParts} from './agent-parts.ts';
import type {AgentSetup} from './agent-setup.ts';

/**
 * The agent's shell: one payload process for each pipe, started again when it ends. No driver runs here, so a hung mount or
 * a leak is the trouble of one payload. Resolves when `signal` aborts and all have ended.
 */
export async function runAgent(
  setup: AgentSetup,
  {
    log,
    signal,
    controls,
    ownLog,
  }: {log: Log; signal: AbortSignal; controls?: ShellControls<AgentSetup>; ownLog?: RecentLines},
): Promise<void> {
  const {agent, local} = setup;
  const {runDirectory, survivors, release} = claimDirectory(agent.data, 'agent');
  const shared = {clock: systemClock, random: Math.random, log, changed: new Signal()};
  const configChanged = new Signal();
  const parts: AgentParts = new AgentParts(
    {setup, runDirectory, survivors},
    {
      ...shared,
      execute: order => executeOrder(order, {parts, shell, runDirectory, ownLog}),
      config: () => shell.config,
      configChanged,
    },
  );
  const shell = new Shell<AgentSetup>(parts, {log, controls, runDirectory, changed: configChanged});
  log.info({agent: agent.id, pipes: local?.pipes.map(({name}) => name) ?? []}, 'agent runs');
  await shell.run(setup, signal);
  release();
  log.info({}, 'agent stopped');
}
