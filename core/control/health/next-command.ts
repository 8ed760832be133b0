import type {NodeKind} from '../protocol.ts';

/** What an operator types next: what shows more, or mends it. */
export const next = {
  show: (kind: NodeKind, id: string) => `fustorctl ${kind} show ${id}`,
  /** Also of one that was never heard. */
  describe: (kind: NodeKind, id: string) => `fustorctl describe ${kind} ${id}`,
  list: (kind: NodeKind) => `fustorctl ${kind} list`,
  /** `part`: the pipe of an agent, the part of a fusion. */
  restart: (kind: NodeKind, id: string, part: string) => `fustorctl ${kind} restart ${id} ${part}`,
  logs: (kind: NodeKind, id: string, part?: string) =>
    `fustorctl ${kind} logs ${id}${part === undefined ? '' : ` ${part}`}`,
  view: (view: string) => `fustorctl status --view ${view}`,
  enroll: (kind: NodeKind) => `fustorctl enroll-token create --role ${kind}`,
  apply: 'fustorctl apply -f DIR --dry-run',
  sync: 'fustorctl sync',
  release: 'fustorctl release',
  status: 'fustorctl status --all',
} as const;
