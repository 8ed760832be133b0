import type {StoredAgent} from '../control-store.ts';
import {partOfPipe, pipeOf} from '../part-names.ts';
import type {PartConfigReport, ReportedPart} from '../protocol.ts';
import type {Facts, HeardNode} from './facts.ts';
import {healthOf} from './reports.ts';

export type PipeRow = {
  agent: string;
  pipe: string;
  /** As it is configured, or else as it has been heard of; null where neither says. */
  view: string | null;
  isWanted: boolean;
  /** That of its process; `missing`: wanted, and not run; `silent`, `never_seen`: its agent is. */
  state: ReportedPart['state'] | 'missing' | 'silent' | 'never_seen';
  apply: PartConfigReport | undefined;
  part: ReportedPart | undefined;
  role: string | null;
  lagMs: number | null;
  queued: number | null;
};

/** Every pipe that is wanted, or of which its agent tells. */
export function pipeRows({nodes, desired, heard, reports}: Facts): PipeRow[] {
  const sessions = new Map(
    [...reports.values()]
      .flat()
      .flatMap(({view, sessions}) => sessions.map(one => [`${one.id}/${one.pipe}`, {view, ...one}])),
  );
  const names = new Map<string, Map<string, string | undefined>>();
  const add = (agent: string, pipe: string, view: string | undefined) => {
    const pipes = names.get(agent) ?? new Map();
    names.set(agent, pipes.set(pipe, view ?? pipes.get(pipe)));
  };
  for (const {stored} of nodes) {
    if (stored.kind === 'agent') for (const pipe of toldPipes(stored)) add(stored.id, pipe, undefined);
  }
  for (const {id, pipes} of desired?.agents ?? []) for (const {name, view} of pipes) add(id, name, view);
  const rows = [...names].flatMap(([agent, pipes]) => {
    const node = heard.get(`agent/${agent}`);
    return [...pipes].map(([pipe, view]): PipeRow => {
      const part = node?.stored.parts.find(({name}) => name === partOfPipe(pipe));
      const session = sessions.get(`${agent}/${pipe}`);
      const health = part && healthOf(part);
      return {
        agent,
        pipe,
        view: view ?? session?.view ?? null,
        isWanted: view !== undefined,
        state: stateOf(node, part),
        apply: node?.stored.config.parts?.find(({name}) => name === partOfPipe(pipe)),
        part,
        role: health?.role ?? session?.role ?? null,
        lagMs: session?.lag_ms ?? null,
        queued: health?.queued ?? session?.queued ?? null,
      };
    });
  });
  return rows.sort((a, b) => compare(a.agent, b.agent) || compare(a.pipe, b.pipe));
}

function toldPipes({parts, config}: StoredAgent): string[] {
  return [...parts, ...(config.parts ?? [])].flatMap(({name}) => pipeOf(name) ?? []);
}

function stateOf(node: HeardNode | undefined, part: ReportedPart | undefined): PipeRow['state'] {
  if (!node) return 'never_seen';
  if (!node.isOnline) return 'silent';
  return part?.state ?? 'missing';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
