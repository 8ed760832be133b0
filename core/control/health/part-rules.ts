import type {StoredAgent} from '../control-store.ts';
import {partOfPipe, pipeOf} from '../part-names.ts';
import type {PartConfigReport, ReportedPart} from '../protocol.ts';
import type {Condition} from './condition.ts';
import type {Facts} from './facts.ts';
import {next} from './next-command.ts';
import {healthOf, partLabel, partSubject} from './reports.ts';

/**
 * How long is normal. What always moves is told every 30 s: four heartbeats in which nothing gets on; three without a fusion,
 * which may be being replaced; two without a mount, which may come late. A payload takes its time to be made, and to be told of.
 */
const after = {
  stalledMs: 100_000,
  notConnectedMs: 70_000,
  unavailableMs: 40_000,
  pendingMs: 120_000,
  missingMs: 60_000,
};
/** Who has run for so long has got over its last death. */
const recoveredAfterMs = 60_000;

type Said = Pick<Condition, 'kind' | 'severity' | 'problem' | 'next'> & Partial<Condition>;

/** What is wrong with pipes and the other parts of nodes that are heard: of those of silent nodes nothing is known. */
export function partConditions({nodes, desired}: Facts): Condition[] {
  const pipesOf = new Map(desired?.agents.map(({id, pipes}) => [id, pipes]));
  return nodes.flatMap(({stored, isOnline}) => {
    if (!isOnline) return [];
    const pipes = (stored.kind === 'agent' && pipesOf.get(stored.id)) || [];
    const about = (part: string) => ({
      subject: partSubject(stored, part),
      view: viewOf(part, pipes),
    });
    const {parts, config} = stored;
    return [
      ...parts.flatMap(part => partSays(stored, part).map(said => ({...about(part.name), ...said}))),
      ...(config.parts ?? []).flatMap(part => configSays(stored, part).map(said => ({...about(part.name), ...said}))),
      ...missing(stored, pipes).map(said => ({...about(said.part), ...said.said})),
    ];
  });
}

function partSays({kind, id}: StoredAgent, part: ReportedPart): Said[] {
  const {name, state, pid} = part;
  const restart = next.restart(kind, id, partLabel(name));
  const logs = next.logs(kind, id, partLabel(name));
  if (state === 'quarantined') {
    const problem = `Its process died too often and is not started again. ${lastDeath(part)}`;
    return [{kind: 'quarantined', severity: 'error', problem, next: restart}];
  }
  if (isCrashing(part)) {
    const problem = `Its process died and was started again, or soon is. ${lastDeath(part)}`;
    return [{kind: 'crashing', severity: 'warning', problem, next: logs}];
  }
  if (state !== 'running') return [];
  const {work, ...health} = healthOf(part);
  const found: Said[] = [];
  if (work && work.pending > 0) {
    const problem = `It is alive and makes no progress, while ${work.pending} wait to be done.`;
    const waiting = {mark: `${pid}:${work.done}`, patienceMs: after.stalledMs};
    found.push({kind: 'stalled', severity: 'error', problem, next: restart, ...waiting});
  }
  if (health.isAvailable === false) {
    const problem = `Its source cannot be looked at${because(health.reason)}.`;
    found.push({kind: 'source_unavailable', severity: 'error', problem, next: logs, patienceMs: after.unavailableMs});
  }
  if (health.isConnected === false) {
    const problem = `It cannot hand on what it sees${because(health.lastError)}.`;
    // One that was just started is not connected yet; heard so twice, of two processes, it did not last.
    const waiting = {mark: String(pid), patienceMs: after.notConnectedMs};
    found.push({kind: 'not_connected', severity: 'error', problem, next: logs, ...waiting});
  }
  return found;
}

/** An operator's restart is no death. */
function isCrashing({state, last_death: death, uptime_ms}: ReportedPart): boolean {
  if (!death || death.cause === 'command' || death.cause === 'replaced') return false;
  return state === 'backoff' || state === 'starting' || (state === 'running' && (uptime_ms ?? 0) < recoveredAfterMs);
}

function lastDeath({last_death: death}: ReportedPart): string {
  return death ? `The last time: ${death.detail}` : '';
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${reason.replace(/\.$/, '')}`;
}

function configSays({kind, id}: StoredAgent, part: PartConfigReport): Said[] {
  const {name, state, desired, last_failed: failed} = part;
  const logs = next.logs(kind, id, partLabel(name));
  const reason = failed?.reason ?? 'it does not say why';
  switch (state) {
    case 'applied':
    case 'soaking':
      return [];
    case 'pending': {
      const problem = 'It is still not made from the configuration that is wanted.';
      const waiting = {patienceMs: after.pendingMs, mark: desired ?? ''};
      return [{kind: 'config_pending', severity: 'warning', problem, next: logs, ...waiting}];
    }
    case 'rolled_back': {
      const problem = `Its new configuration failed, and it went back to the one before: ${reason}`;
      return [{kind: 'config_rolled_back', severity: 'error', problem, next: logs, mark: desired ?? ''}];
    }
    case 'failed':
      return [{kind: 'config_failed', severity: 'error', problem: `Its configuration failed: ${reason}`, next: logs}];
    case 'invalid': {
      const problem = `Its configuration is not valid on its host: ${reason}`;
      return [{kind: 'config_failed', severity: 'error', problem, next: next.show(kind, id)}];
    }
    default:
      return state satisfies never;
  }
}

/** Wanted pipes of which the agent says nothing at all. */
function missing({kind, id, parts, config}: StoredAgent, pipes: {name: string}[]): {part: string; said: Said}[] {
  return pipes
    .map(({name}) => partOfPipe(name))
    .filter(part => ![...parts, ...(config.parts ?? [])].some(({name}) => name === part))
    .map(part => {
      const problem = 'It is configured, and its agent does not run it.';
      const common = {kind: 'missing', severity: 'error', patienceMs: after.missingMs} as const;
      return {part, said: {...common, problem, next: next.logs(kind, id)}};
    });
}

function viewOf(part: string, pipes: {name: string; view: string}[]): string | undefined {
  const pipe = pipeOf(part);
  return pipes.find(({name}) => name === pipe)?.view;
}
