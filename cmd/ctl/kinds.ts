import type {Column} from './columns.ts';
import {isObject, type JsonObject} from './exact-json.ts';
import {ownName} from './output/names.ts';
import {cell} from './output/table.ts';

/** Something that there are several of, as the controller tells of them. */
export type Kind = {
  singular: string;
  /** Below `/api/v1/`. */
  path: string;
  /** Whether `PATH/NAME` tells of one, with more than the list does. */
  hasOwnPages: boolean;
  /** Whether what should be of one stands below `registry/`. */
  isDesired?: boolean;
  /** Whether the list comes in pages. */
  isPaged?: boolean;
  columns: readonly Column[];
  /** Those that `-o wide` adds. */
  wide: readonly Column[];
};

export type KindName = keyof typeof kinds;

const name: Column = ['NAME', ownName];
const inFile: Column = ['FILE', 'file'];

export const kinds = {
  agents: {
    singular: 'agent',
    path: 'agents',
    hasOwnPages: true,
    isDesired: true,
    columns: [
      ['AGENT', 'id'],
      ['STATE', 'state'],
      ['SINCE', 'since'],
      ['HOST', 'shell.host'],
      ['VERSION', 'shell.version'],
      ['RUNNING', runningParts],
      ['CONFIG', 'config.state'],
    ],
    wide: [
      ['KEY', 'key'],
      ['PID', 'shell.pid'],
      ['STARTED', 'shell.started_at'],
      ['SILENT', 'silent_ms'],
      ['ORIGIN', 'config.origin'],
      ['LAST FAILURE', 'config.last_failed.reason'],
    ],
  },
  fusions: {
    singular: 'fusion',
    path: 'fusions',
    hasOwnPages: true,
    isDesired: true,
    columns: [
      ['FUSION', 'id'],
      ['STATE', 'state'],
      ['SINCE', 'since'],
      ['HOST', 'shell.host'],
      ['VERSION', 'shell.version'],
      ['RUNNING', runningParts],
      ['CONFIG', 'config.state'],
    ],
    wide: [
      ['KEY', 'key'],
      ['PID', 'shell.pid'],
      ['STARTED', 'shell.started_at'],
      ['SILENT', 'silent_ms'],
      ['ORIGIN', 'config.origin'],
      ['LAST FAILURE', 'config.last_failed.reason'],
    ],
  },
  pipes: {
    singular: 'pipe',
    path: 'pipes',
    hasOwnPages: false,
    isDesired: true,
    columns: [
      name,
      ['AGENT', 'agent'],
      ['STATE', 'state'],
      ['CONFIG', 'config.state'],
      ['VIEW', 'view'],
      ['ROLE', 'role'],
    ],
    wide: [
      ['SOURCE', 'source'],
      ['SENDER', 'sender'],
      ['DESIRED', 'config.desired'],
      ['RUNNING', 'config.running'],
      ['LAST FAILURE', 'config.last_failed.reason'],
    ],
  },
  views: {
    singular: 'view',
    path: 'control/views',
    hasOwnPages: false,
    isDesired: true,
    columns: [name, ['FUSION', 'fusion'], ['SYNC', 'sync'], ['COMPLETE', 'complete'], ['LEADER', 'leader']],
    wide: [
      ['LAST EVENT AT', 'last_event_at'],
      ['SUSPECT', 'suspect'],
      ['BLIND SPOT', 'blind_spot'],
      ['DATASTORE', 'datastore'],
    ],
  },
  sessions: {
    singular: 'session',
    path: 'control/sessions',
    hasOwnPages: false,
    columns: [name, ['VIEW', 'view'], ['AGENT', 'agent'], ['ROLE', 'role'], ['HEARD AT', 'heard_at']],
    wide: [
      ['FUSION', 'fusion'],
      ['LAG', 'lag'],
      ['OPENED AT', 'opened_at'],
    ],
  },
  keys: {
    singular: 'key',
    path: 'keys',
    hasOwnPages: false,
    columns: [name, ['ROLE', 'role'], ['VIEWS', 'views'], ['USER', 'user'], ['CREATED AT', 'created_at']],
    wide: [
      ['CREATED BY', 'created_by'],
      ['ORIGIN', 'origin'],
      ['LAST USED', 'last_used_at'],
    ],
  },
  revisions: {
    singular: 'revision',
    path: 'revisions',
    hasOwnPages: true,
    isPaged: true,
    columns: [
      ['REVISION', 'revision'],
      ['AT', 'at'],
      ['AUTHOR', 'author'],
      ['ORIGIN', 'origin'],
      ['MESSAGE', 'message'],
    ],
    wide: [['COMMIT', 'commit']],
  },
  sources: {
    singular: 'source',
    path: 'registry/sources',
    hasOwnPages: true,
    columns: [name, ['DRIVER', 'driver'], ['PATH', 'path']],
    wide: [['AGENT', 'agent'], inFile],
  },
  senders: {
    singular: 'sender',
    path: 'registry/senders',
    hasOwnPages: true,
    columns: [name, ['DRIVER', 'driver'], ['FUSION', 'fusion'], ['URL', 'url']],
    wide: [['AGENT', 'agent'], inFile],
  },
  datastores: {
    singular: 'datastore',
    path: 'registry/datastores',
    hasOwnPages: true,
    columns: [name, ['DESCRIPTION', 'description']],
    wide: [inFile],
  },
  users: {
    singular: 'user',
    path: 'registry/users',
    hasOwnPages: true,
    columns: [name, ['ROLE', 'role'], ['DESCRIPTION', 'description']],
    wide: [inFile],
  },
  identities: {
    singular: 'identity',
    path: 'identities',
    hasOwnPages: false,
    columns: [
      ['KIND', 'kind'],
      ['ID', 'id'],
      ['STATE', 'state'],
      ['ENROLLED AT', 'enrolled_at'],
      ['HOST', 'host'],
    ],
    wide: [
      ['EXPIRES AT', 'expires_at'],
      ['REVOKED AT', 'revoked_at'],
      ['MACHINE', 'machine_id'],
    ],
  },
  credentials: {
    singular: 'credential',
    path: 'credentials',
    hasOwnPages: false,
    columns: [name, ['CHANGED AT', 'changed_at'], ['CHANGED BY', 'changed_by']],
    wide: [],
  },
  'enroll-tokens': {
    singular: 'enroll-token',
    path: 'enroll-tokens',
    hasOwnPages: false,
    columns: [
      ['ID', 'id'],
      ['ROLE', 'role'],
      ['USES LEFT', 'uses_left'],
      ['EXPIRES AT', 'expires_at'],
    ],
    wide: [
      ['CREATED AT', 'created_at'],
      ['CREATED BY', 'created_by'],
    ],
  },
  audit: {
    singular: 'audit',
    path: 'audit',
    hasOwnPages: false,
    isPaged: true,
    columns: [
      ['AT', 'at'],
      ['WHO', 'who'],
      ['ACTION', 'action'],
      ['SUBJECT', 'subject'],
      ['OUTCOME', 'outcome'],
    ],
    wide: [
      ['FROM', 'address'],
      ['DETAILS', 'details'],
    ],
  },
} as const satisfies Record<string, Kind>;

export const kindNames = Object.keys(kinds) as KindName[];

/** By its name in the plural or the singular; undefined when there is no such kind. */
export function kindNamed(word: string): {kindName: KindName; kind: Kind} | undefined {
  const kindName = kindNames.find(one => one === word || kinds[one].singular === word);
  return kindName && {kindName, kind: kinds[kindName]};
}

function runningParts({parts}: JsonObject): string {
  const all = Array.isArray(parts) ? parts.filter(isObject) : [];
  const running = all.filter(part => part.state === 'running').length;
  return cell('running', `${running}/${all.length}`);
}
