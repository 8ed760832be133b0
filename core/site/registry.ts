import {groupOf} from '../config/group-of.ts';
import {hideSecrets} from './hide-secrets.ts';
import {type Definition, fusionOf, pipesOf, type Site, textsOf} from './site.ts';

export const registryKinds = [
  ...(['datastores', 'views', 'sources', 'senders', 'pipes', 'agents', 'fusions', 'users', 'keys'] as const),
] as const;
export type RegistryKind = (typeof registryKinds)[number];

/** What stands under a name, without secrets. `agent`: the file of this agent has it for itself. */
export type RegistryRow = {name: string; file: string; agent?: string} & Record<string, unknown>;

/** All of a kind, in the order of their names. */
export function registryRows(site: Site, kind: RegistryKind): RegistryRow[] {
  const rows = [...site[kind]].map(([name, definition]) => rowOf(site, kind, name, definition));
  return [...rows, ...ownRows(site, kind)].sort((a, b) => order(a.name, b.name) || order(a.agent ?? '', b.agent ?? ''));
}

function rowOf(site: Site, kind: RegistryKind, name: string, definition: Definition): RegistryRow {
  const row = {...hideSecrets(definition.settings), name, file: definition.file.path};
  switch (kind) {
    case 'views':
      return {...row, fusion: fusionOf(site, name) ?? null};
    case 'agents': {
      const {log_level, supervision} = definition.settings;
      return {name, file: row.file, pipes: [...pipesOf(site, definition).pipes.keys()], log_level, supervision};
    }
    case 'keys': {
      const {role, views, user} = definition.settings;
      return {name, file: row.file, role, views: textsOf(views).includes('*') ? '*' : views, user};
    }
    default:
      return row;
  }
}

/** What agents have in files of their own. */
function ownRows(site: Site, kind: RegistryKind): RegistryRow[] {
  if (kind !== 'sources' && kind !== 'senders' && kind !== 'pipes') return [];
  return [...site.agents].flatMap(([agent, {file}]) =>
    file.agent === undefined
      ? []
      : Object.entries(groupOf(file.settings[kind])).map(([name, settings]) => {
          return {...hideSecrets(groupOf(settings)), name, file: file.path, agent};
        }),
  );
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
