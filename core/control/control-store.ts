import type {
  Acknowledgement,
  CommandArguments,
  CommandData,
  ConfigReport,
  NodeCommand,
  NodeKind,
  ReportedPart,
  ShellReport,
} from './protocol.ts';

/**
 * What the controller knows, as its store keeps it. What becomes of commands is durable before it is told; how nodes are is
 * written some seconds later.
 * All times are wall time of the controller in milliseconds since 1970.
 */

/** A node, as it spoke last: an agent, or a fusion. */
export type StoredAgent = {
  id: string;
  kind: NodeKind;
  instance: string;
  sequence: number;
  shell: ShellReport;
  config: ConfigReport;
  parts: ReportedPart[];
  /** Of a fusion. */
  views: Record<string, unknown>[] | undefined;
  seenAt: number;
  /** Since when it has been heard without a silence longer than its timeout. */
  onlineSince: number;
  /** A silence this long means that it is away. */
  timeoutMs: number;
  /** Name of the key that it came with. */
  key: string;
};

export type CommandState = 'queued' | 'sent' | Acknowledgement['outcome'];

/** `queued` until it is told to a shell, `sent` until the end is known. */
export type StoredCommand = {
  agent: string;
  /** Unique for the agent. */
  id: string;
  /** Grows with each command that is ordered. */
  number: number;
  /** Null: the shell itself. */
  part: string | null;
  command: NodeCommand;
  arguments: CommandArguments | undefined;
  state: CommandState;
  /** Name of the key that ordered it. */
  orderedBy: string;
  orderedAt: number;
  deadlineAt: number;
  /** The instance of the shell that it was told to; no other one may execute it. */
  sentTo: string | undefined;
  /** 0 means not yet. */
  sentAt: number;
  endedAt: number;
  message: string | undefined;
  /** What it brought back. */
  data: CommandData | undefined;
};

export interface ControlRead {
  agent(id: string): StoredAgent | undefined;
  /** In the order of their names. */
  agents(): StoredAgent[];
  command(agent: string, id: string): StoredCommand | undefined;
  /** Those of one agent, or of all, that are queued or sent, oldest first. */
  openCommands(agent?: string): StoredCommand[];
  /** A copy of what stands under a key of a table, or undefined. */
  record<T>(table: RecordTable, key: string): T | undefined;
  /** In the order of the UTF-8 bytes of their keys, or backwards: those whose key is behind `after` (backwards: before it). */
  records<T>(table: RecordTable, range?: RecordRange): {key: string; value: T}[];
}

export interface ControlWrite extends ControlRead {
  putAgent(agent: StoredAgent): void;
  /** Of commands that have ended only the last `endedCommandsMax` are kept. */
  putCommand(command: StoredCommand): void;
  /** For a new command. */
  nextNumber(): number;
  /** A plain JSON-like object; bytes may be in it. */
  putRecord(table: RecordTable, key: string, value: object): void;
  removeRecord(table: RecordTable, key: string): void;
}

/**
 * What the controller keeps besides how the nodes are. Whoever owns a table says beside its code what stands in it.
 *
 * - `revisions`, `blobs`, `desired`: the configuration (`revisions.ts`)
 * - `identities`, `enrolTokens`, `apiKeys`, `credentials`, `authority`: who may do what (`identities.ts`)
 * - `audit`: what administrators did (`audit-log.ts`)
 * - `health`: what is remembered of nodes across restarts
 */
export const recordTables = [
  ...(['revisions', 'blobs', 'desired', 'identities', 'enrolTokens', 'apiKeys', 'credentials'] as const),
  ...(['authority', 'audit', 'health'] as const),
] as const;
export type RecordTable = (typeof recordTables)[number];
export type RecordRange = {after?: string | undefined; limit?: number; isBackwards?: boolean};

/** For keys that count: their order as text is that of the numbers. */
export function numberKey(number: number): string {
  return String(number).padStart(12, '0');
}

export const endedCommandsMax = 1_000;

/** A body is one turn long: what it returns is no promise. */
type Sync<T> = T extends PromiseLike<unknown> ? never : T;

export interface ControlStore {
  read<T>(body: (txn: ControlRead) => T): T;
  /**
   * Runs the body as one transaction; resolves when its effects are durable. A body that throws leaves nothing behind.
   * Rejects with STORE_FULL when there is no room.
   */
  write<T>(body: (txn: ControlWrite) => Sync<T>): Promise<T>;
  close(): Promise<void>;
}

export function isOpen({state}: Pick<StoredCommand, 'state'>): boolean {
  return state === 'queued' || state === 'sent';
}
