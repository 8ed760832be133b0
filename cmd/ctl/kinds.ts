import type {Column} from './columns.ts';
import {isObject, type JsonObject} from './exact-json.ts';
import {bytesText} from './output/quantity.ts';
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
  /** The fields that make the name of one, with slashes between them. */
  nameFields: readonly string[];
  /** Whether the list comes in pages. */
  isPaged?: boolean;
  columns: readonly Column[];
  /** Those that `-o wide` adds. */
  wide: readonly Column[];
};

export type KindName = keyof typeof kinds;

const name: Column = ['NAME', 'name'];
const inFile: Column = ['FILE', 'file'];

const nodeColumns: readonly Column[] = [
  ['STATE', 'state'],
  ['SINCE', 'since'],
  ['HOST', 'shell.host'],
  ['VERSION', 'shell.version'],
  ['RUNNING', runningParts],
  ['CONFIG', 'config.state'],
];
const nodeWide: readonly Column[] = [
  ['APPLY', 'apply.state'],
  ['WANTED', 'wanted'],
  ['KEY', 'key'],
  ['PID', 'shell.pid'],
  ['STARTED', 'shell.started_at'],
  ['SILENT', 'silent_ms'],
  ['ORIGIN', 'config.origin'],
  ['LAST FAILURE', 'config.last_failed.reason'],
];

export const kinds = {
  agents: {
    singular: 'agent',
    path: 'agents',
    nameFields: ['id'],
    hasOwnPages: true,
    isDesired: true,
    columns: [['AGENT', 'id'], ...nodeColumns],
    wide: nodeWide,
  },
  fusions: {
    singular: 'fusion',
    path: 'fusions',
    nameFields: ['id'],
    hasOwnPages: true,
    isDesired: true,
    columns: [['FUSION', 'id'], ...nodeColumns],
    wide: nodeWide,
  },
  pipes: {
    singular: 'pipe',
    path: 'pipes',
    nameFields: ['agent', 'pipe'],
    hasOwnPages: true,
    isDesired: true,
    columns: [
      ['AGENT', 'agent'],
      ['PIPE', 'pipe'],
      ['VIEW', 'view'],
      ['STATE', 'state'],
      ['SINCE', 'since'],
      ['ROLE', 'role'],
      ['APPLY', 'apply'],
      ['LAG', 'lag_ms'],
    ],
    wide: [
      ['WANTED', 'wanted'],
      ['PID', 'pid'],
      ['UPTIME', 'uptime_ms'],
      ['MEMORY', memory],
      ['STARTS', 'starts'],
      ['QUEUED', 'queued'],
      ['LAST DEATH', 'last_death.detail'],
      ['LAST FAILURE', 'last_failed.reason'],
    ],
  },
  views: {
    singular: 'view',
    path: 'control/views',
    nameFields: ['view'],
    hasOwnPages: false,
    isDesired: true,
    columns: [
      ['VIEW', 'view'],
      ['FUSION', 'fusion'],
      ['STATE', 'state'],
      ['SINCE', 'since'],
      ['COMPLETE', 'complete'],
      ['LEADER', 'leader'],
      ['AGENTS', 'agents'],
    ],
    wide: [
      ['WANTED', 'wanted'],
      ['COVERAGE', 'coverage'],
      ['LAST EVENT AT', 'last_event_at'],
      ['REJECTED', 'rejected'],
      ['PROBLEM', 'problem'],
    ],
  },
  sessions: {
    singular: 'session',
    path: 'control/sessions',
    nameFields: ['view', 'agent', 'pipe'],
    hasOwnPages: false,
    columns: [
      ['VIEW', 'view'],
      ['AGENT', 'agent'],
      ['PIPE', 'pipe'],
      ['STATE', 'state'],
      ['SINCE', 'since'],
      ['ROLE', 'role'],
      ['LAG', 'lag_ms'],
    ],
    wide: [
      ['FUSION', 'fusion'],
      ['SESSION', 'session'],
      ['SEEN AT', 'seen_at'],
      ['QUEUED', 'queued'],
      ['WATCHED', 'watched'],
      ['KNOWN', 'known'],
      ['GAPS', 'gaps'],
      ['UNAVAILABLE', 'unavailable'],
    ],
  },
  keys: {
    singular: 'key',
    path: 'keys',
    nameFields: ['name'],
    hasOwnPages: false,
    columns: [name, ['ROLE', 'role'], ['VIEWS', 'views'], ['USER', 'user'], ['EXPIRES AT', 'expires_at']],
    wide: [
      ['CREATED AT', 'created_at'],
      ['CREATED BY', 'created_by'],
      ['ORIGIN', 'origin'],
    ],
  },
  revisions: {
    singular: 'revision',
    path: 'revisions',
    nameFields: ['revision'],
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
    nameFields: ['name'],
    hasOwnPages: true,
    columns: [name, ['DRIVER', 'driver'], ['PATH', 'path']],
    wide: [['AGENT', 'agent'], inFile],
  },
  senders: {
    singular: 'sender',
    path: 'registry/senders',
    nameFields: ['name'],
    hasOwnPages: true,
    columns: [name, ['DRIVER', 'driver'], ['FUSION', 'fusion'], ['URL', 'url']],
    wide: [['AGENT', 'agent'], inFile],
  },
  datastores: {
    singular: 'datastore',
    path: 'registry/datastores',
    nameFields: ['name'],
    hasOwnPages: true,
    columns: [name, ['DESCRIPTION', 'description']],
    wide: [inFile],
  },
  users: {
    singular: 'user',
    path: 'registry/users',
    nameFields: ['name'],
    hasOwnPages: true,
    columns: [name, ['ROLE', 'role'], ['DESCRIPTION', 'description']],
    wide: [inFile],
  },
  identities: {
    singular: 'identity',
    path: 'identities',
    nameFields: ['kind', 'id'],
    hasOwnPages: false,
    columns: [
      ['KIND', 'kind'],
      ['ID', 'id'],
      ['STATE', 'state'],
      ['HOST', 'host'],
      ['ENROLLED AT', 'enrolled_at'],
    ],
    wide: [
      ['CERTIFICATE UNTIL', 'certificate_expires_at'],
      ['REVOKED AT', 'revoked_at'],
      ['REVOKED BY', 'revoked_by'],
      ['TOKEN', 'enrolled_with'],
      ['MACHINE', 'machine_id'],
    ],
  },
  credentials: {
    singular: 'credential',
    path: 'credentials',
    nameFields: ['name'],
    hasOwnPages: false,
    columns: [name, ['CHANGED AT', 'changed_at'], ['CHANGED BY', 'changed_by']],
    wide: [],
  },
  'enroll-tokens': {
    singular: 'enroll-token',
    path: 'enroll-tokens',
    nameFields: ['id'],
    hasOwnPages: false,
    columns: [
      ['ID', 'id'],
      ['ROLE', 'role'],
      ['STATE', 'state'],
      ['USES LEFT', 'uses_left'],
      ['EXPIRES AT', 'expires_at'],
    ],
    wide: [
      ['USES', 'uses'],
      ['NODE', 'node'],
      ['REPLACE', 'replace'],
      ['CREATED AT', 'created_at'],
      ['CREATED BY', 'created_by'],
    ],
  },
  audit: {
    singular: 'audit',
    path: 'audit',
    nameFields: ['number'],
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
      ['NUMBER', 'number'],
      ['USER', 'user'],
      ['FROM', 'address'],
      ['CODE', 'code'],
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

/** The name of one, as the verbs take it. */
export function nameIn({nameFields}: Kind, row: JsonObject): string {
  return nameFields.map(field => cell(field, row[field])).join('/');
}

function memory({memory_bytes}: JsonObject): string {
  return bytesText(memory_bytes);
}

function runningParts({parts}: JsonObject): string {
  if (!Array.isArray(parts)) return '-';
  const all = parts.filter(isObject);
  const running = all.filter(part => part.state === 'running').length;
  return cell('running', `${running}/${all.length}`);
}
