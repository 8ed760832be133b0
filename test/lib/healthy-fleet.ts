import type {StoredAgent} from '../../core/control/control-store.ts';
import type {Desired, Given} from '../../core/control/health/facts.ts';
import type {ReportedPart} from '../../core/control/protocol.ts';

export type FleetFacts = Given & {desired: Desired};

/** Each agent has one pipe to each of the views, which are spread over the fusions, and everything is as it should be. */
export function healthyFleet(
  nowMs: number,
  {agents, fusions, views}: {agents: number; fusions: number; views: number} = {agents: 2, fusions: 1, views: 2},
): FleetFacts {
  const viewNames = names('view', views);
  const agentNames = names('node', agents);
  const fusionNames = names('fusion', fusions);
  const fusionOf = (view: number) => fusionNames[view % fusions]!;
  const pipes = viewNames.map(view => ({name: `to-${view}`, view}));
  const desired: Desired = {
    agents: agentNames.map(id => ({id, pipes, signature: `manifest-of-${id}`})),
    fusions: fusionNames.map(id => {
      const own = viewNames.filter((_, view) => fusionOf(view) === id);
      return {id, views: own, signature: `manifest-of-${id}`};
    }),
    views: viewNames.map((name, view) => ({name, fusion: fusionOf(view)})),
  };
  const heardAgents = desired.agents.map(({id}) => ({
    isOnline: true,
    stored: {
      ...node(id, nowMs),
      kind: 'agent' as const,
      parts: pipes.map(({name}) => runningPart(`payload-${name}`)),
      config: {
        ...applied(id),
        parts: pipes.map(({name}) => ({
          name: `payload-${name}`,
          state: 'applied' as const,
          running: 'hash',
          desired: 'hash',
        })),
      },
    },
  }));
  const heardFusions = desired.fusions.map(({id, views: own}) => ({
    isOnline: true,
    stored: {
      ...node(id, nowMs),
      kind: 'fusion' as const,
      parts: [runningPart('gateway-0'), ...own.map(view => runningPart(`engine-${view}`))],
      config: applied(id),
      views: own.map(view => healthyView(view, agentNames)),
    },
  }));
  return {version: '1', desired, revision: 1, nodes: [...heardAgents, ...heardFusions]};
}

function names(prefix: string, count: number): string[] {
  return Array.from({length: count}, (_, index) => `${prefix}-${index}`);
}

function applied(id: string): StoredAgent['config'] {
  const signature = `manifest-of-${id}`;
  return {state: 'running', origin: 'controller', desired: signature, running: signature};
}

function node(id: string, nowMs: number) {
  const shell = {pid: 1, version: '1', started_at: '2026-01-01T00:00:00.000Z', host: `host-of-${id}`};
  const heard = {seenAt: nowMs, onlineSince: nowMs - 3_600_000, timeoutMs: 30_000};
  return {id, instance: 'i', sequence: 1, shell, views: undefined, key: 'k', ...heard};
}

export function runningPart(name: string): ReportedPart {
  return {
    name,
    state: 'running',
    pid: 7,
    started_at: '2026-01-01T00:00:00.000Z',
    uptime_ms: 3_600_000,
    starts: 1,
    memory_bytes: 1_000_000,
    retry_in_ms: null,
    last_death: null,
    health: {
      work: {done: 10, pending: 0},
      pipe: {role: 'leader', isConnected: true, queued: 0},
      source: {isAvailable: true},
    },
  };
}

/** As `…/status` of a view tells it. */
export function healthyView(view: string, agents: readonly string[]) {
  return {
    view,
    sync: 'live',
    complete: true,
    leader: agents[0] ?? null,
    last_event_at: '2026-01-01T00:00:00.000Z',
    rejected: {count: 0, last: null},
    agents: agents.map((id, index) => ({
      id,
      pipe: `to-${view}`,
      session: `s-${id}`,
      role: index === 0 ? 'leader' : 'follower',
      source: '/mnt',
      opened_at: '2026-01-01T00:00:00.000Z',
      seen_at: '2026-01-01T00:00:00.000Z',
      queued: 0,
      lag_ms: 12,
      unavailable: null,
      watched: 100,
      known: 100,
      gaps: 0,
    })),
  };
}
