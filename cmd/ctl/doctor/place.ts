import type {ListenAddress} from '../../../core/config/schema.ts';
import type {PartRecord} from '../../shell/part-record.ts';
import type {Finding} from './finding.ts';
import type {Look} from './look-at.ts';
import type {Probe} from './probe-server.ts';

/** What there is of Fustor on this host, as far as files and the shells tell. */
export type Place = {
  homes: Home[];
  /** Data directories that cannot be looked at, with why. */
  unreachable: {data: string; look: Look}[];
  sources: SourcePlace[];
  /** Other hosts, and this one where it listens. */
  servers: Probe[];
  /** Configurations and what they take from files. */
  files: string[];
  /** Of the configurations. */
  mistakes: Finding[];
};

export type Role = 'agent' | 'fusion' | 'controller';

/** A data directory. */
export type Home = {
  role: Role;
  data: string;
  /** Of the node; undefined when only the directory was named. */
  id: string | undefined;
  listen: ListenAddress | undefined;
  /** The process that has the directory; undefined when none has. */
  shellPid: number | undefined;
  /** What it says of itself; undefined when it does not answer. */
  shell: ShellAnswer | undefined;
  /** Of its parts. */
  records: PartRecord[];
};

export type ShellAnswer = {
  pid: number;
  version: string | undefined;
  /** Why its newest configuration is not used. */
  refused: string | undefined;
  parts: {name: string; state: string; pid: number | undefined; death: string | undefined; health: unknown}[];
};

export type SourcePlace = {
  path: string;
  /** Where the agent remembers which storage it was, when it has seen it. */
  rememberedAt: string[];
  look: Look;
};
